import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn
from torch.optim.swa_utils import AveragedModel

from multiskin.config import DataConfig, FitConfig, ModelConfig, Recipe, TrainerConfig
from multiskin.data.photos import load_photos
from multiskin.schema import Attribute, Schema
from multiskin.training.averaging import RampedAverage
from multiskin.training.fit import fit


class Weights(nn.Module):
    """Tensors of three dtypes, parameters and buffers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.matrix = nn.Parameter(torch.randn(3, 5))
        self.precise = nn.Parameter(torch.randn(7, dtype=torch.float64))
        self.register_buffer("count", torch.randint(100, ()))

    @torch.no_grad()
    def learn(self) -> None:
        for tensor in (*self.parameters(), *self.buffers()):
            tensor += (9 * torch.randn(tensor.shape)).to(tensor.dtype)


def share_at(step: int, decay: float) -> float:
    return min(decay, (1 + step) / (10 + step))


def test_follows_its_definition():
    model = Weights()
    averaged, expected = RampedAverage(model, 0.9), np.nan
    for step in range(200):
        model.learn()
        averaged.update_parameters(model)
        value = model.matrix[1, 2].item()
        expected = share_at(step, 0.9) * expected + (1 - share_at(step, 0.9)) * value if step else value
        assert averaged.module.matrix[1, 2].item() == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_forgets_the_beginning_within_a_small_training():
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    averaged = RampedAverage(model, 0.99)
    averaged.update_parameters(model)
    nn.init.zeros_(model.weight)  # as all later ones are
    for _ in range(30):
        averaged.update_parameters(model)
    assert averaged.module.weight < 1e-4 < 0.99**30


def test_is_torchs_own_to_the_bit():
    """Its own update gives the same, but waits for the device."""

    def one_by_one(mean, value, steps):
        share = torch.clamp((1 + steps) / (10 + steps), max=0.99)
        if mean.is_floating_point():
            return mean.lerp(value, (1 - share).to(mean.dtype))
        return (share * mean + (1 - share) * value).to(mean.dtype)

    model = Weights()
    ours, theirs = RampedAverage(model, 0.99), AveragedModel(model, avg_fn=one_by_one, use_buffers=True)
    for _ in range(20):
        model.learn()
        ours.update_parameters(model)
        theirs.update_parameters(model)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in ours.state_dict().items())


def test_asks_the_device_for_nothing():
    model = Weights().to("meta")  # whose tensors have no values to be asked for
    averaged = RampedAverage(model, 0.99, torch.device("meta"))
    for _ in range(2):
        averaged.update_parameters(model)
    assert averaged.n_averaged == 2


@pytest.mark.slow
def test_the_averaged_network_learns_what_a_small_training_teaches(tmp_path):
    """90 photos whose brightness is their grade; with a constant decay of 0.99 nothing is learned (.2219)."""
    random = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for number in range(90):
        pixels = 70 + 60 * (number % 3) + random.integers(-20, 21, (48, 48, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"images/{number}.png")
    rows = [(f"images/{number}.png", number % 3) for number in range(90)]
    pd.DataFrame(rows, columns=["image", "brightness"]).to_csv(tmp_path / "labels.csv", index=False)
    config = FitConfig(
        out=str(tmp_path / "run"),
        data=DataConfig(root=str(tmp_path), num_workers=0),
        model=ModelConfig("test_efficientnet", "none", 64),
        recipe=Recipe(augment=["HorizontalFlip"]),
        trainer=TrainerConfig(max_epochs=15, patience=None, progress=False, accelerator="cpu"),
    )
    run = fit(config, load_photos(config.data, Schema((Attribute("brightness", 3),))))
    scores = pd.read_csv(run.curves)["val/mean/rps_balanced"].dropna()
    assert scores.min() < 0.9 * scores.iloc[0]
