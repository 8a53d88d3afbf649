import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from multiskin.config import DataConfig, FitConfig, ModelConfig, Recipe, TrainerConfig
from multiskin.data.photos import load_photos
from multiskin.schema import Attribute, Schema
from multiskin.training.averaging import ramped_average
from multiskin.training.fit import fit


def test_follows_its_definition():
    average = ramped_average(0.9)
    averaged = torch.tensor(0.0)
    expected = 0.0
    for step in range(1, 200):
        value = float(step % 7)
        share = min(0.9, (1 + step) / (10 + step))
        expected = share * expected + (1 - share) * value
        average([averaged], [torch.tensor(value)], torch.tensor(step))
        assert averaged.item() == pytest.approx(expected, rel=1e-4)


def test_forgets_the_beginning_within_a_small_training():
    average = ramped_average(0.99)
    averaged = torch.tensor(1.0)  # the weights of the first step; all later ones are 0
    for step in range(1, 31):
        average([averaged], [torch.tensor(0.0)], torch.tensor(step))
    assert averaged < 1e-4 < 0.99**30


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.int64])
def test_averages_many_tensors_to_the_bits_of_each_by_itself(kind):
    torch.manual_seed(0)
    averaged, current = [[(9 * torch.randn(size)).to(kind) for size in ((3, 5), (), (7,))] for _ in range(2)]
    steps = torch.tensor(4)
    share = torch.clamp((1 + steps) / (10 + steps), max=0.99)
    expected = [(share * mean + (1 - share) * value).to(kind) for mean, value in zip(averaged, current, strict=True)]
    ramped_average(0.99)(averaged, current, steps)
    assert all(torch.equal(*pair) for pair in zip(averaged, expected, strict=True))


@pytest.mark.slow
def test_the_averaged_network_learns_what_a_small_training_teaches(tmp_path):
    """90 photos whose brightness is their grade; with a decay of 0.99 from the start nothing is learned (.2219)."""
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
