"""Gradient cosines, against one backward pass per head, and their use in a run."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from multiskin.config import DataConfig, FitConfig, LogConfig, ModelConfig, TrainerConfig
from multiskin.training.fit import fit
from multiskin.training.gradients import BATCHES, GradientCosines, gradient_cosines
from multiskin.training.module import SkinModule

NAMES = ("first", "second", "third")
KEYS = ["train/cosine/first/second", "train/cosine/first/third", "train/cosine/second/third"]


@pytest.fixture
def network():
    """Shared layers, one of which the last head does not use, and three heads."""
    torch.manual_seed(0)
    shared, late = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)), nn.Linear(3, 3)
    heads = nn.ModuleList(nn.Linear(3, 1) for _ in NAMES)
    return nn.ModuleDict({"shared": shared, "late": late, "heads": heads})


def losses_of(network, seed=0):
    features = network["shared"](torch.randn(6, 5, generator=torch.Generator().manual_seed(seed)))
    inputs = (network["late"](features), network["late"](features), features)
    return torch.stack([head(each).square().mean() for head, each in zip(network["heads"], inputs, strict=True)])


def shared_by(network):
    return [*network["shared"].parameters(), *network["late"].parameters()]


def slow_cosines(network, seed=0):
    gradients = []
    for head in range(len(NAMES)):
        network.zero_grad()
        losses_of(network, seed)[head].backward()
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in shared_by(network)]
        gradients.append(np.concatenate([part.numpy().ravel() for part in parts]).astype(float))
    network.zero_grad()
    return np.array([[a @ b / np.sqrt((a @ a) * (b @ b)) for b in gradients] for a in gradients])


def test_are_those_of_one_backward_pass_a_head(network):
    found = gradient_cosines(losses_of(network), shared_by(network))
    np.testing.assert_allclose(found, slow_cosines(network), atol=1e-5)


def test_are_as_exact_where_forward_passes_are_in_half_precision(network):
    losses = losses_of(network)
    with torch.autocast("cpu", torch.bfloat16):
        found = gradient_cosines(losses, shared_by(network))
    np.testing.assert_allclose(found, slow_cosines(network), atol=1e-5)


def test_leave_the_gradients_of_training_as_they_are(network):
    losses_of(network).sum().backward()
    expected = [parameter.grad.clone() for parameter in network.parameters()]
    network.zero_grad()
    losses = losses_of(network)
    gradient_cosines(losses, shared_by(network))
    assert all(parameter.grad is None for parameter in network.parameters())
    losses.sum().backward()
    assert all(torch.equal(p.grad, grad) for p, grad in zip(network.parameters(), expected, strict=True))


def test_their_mean_is_over_the_epochs_first_batches(network):
    cosines = GradientCosines(NAMES)
    for seed in range(BATCHES + 2):
        cosines.update(losses_of(network, seed), shared_by(network), scale=1000.0)
    found = cosines.compute(lambda tensor: tensor)
    expected = np.mean([slow_cosines(network, seed) for seed in range(BATCHES)], axis=0)
    assert list(found) == KEYS
    assert list(found.values()) == pytest.approx([expected[0, 1], expected[0, 2], expected[1, 2]], abs=1e-5)
    cosines.reset()
    assert cosines.compute(lambda tensor: tensor) == {}


@pytest.mark.parametrize("factor", [0.0, 1e30])
def test_a_batch_in_which_a_head_has_no_gradient_counts_for_the_others_alone(network, factor):
    cosines = GradientCosines(NAMES)
    for seed, second in enumerate((1.0, factor)):
        losses = losses_of(network, seed)
        cosines.update(torch.stack([losses[0], losses[1] * second, losses[2]]), shared_by(network))
    found = cosines.compute(lambda tensor: tensor)
    first, both = slow_cosines(network, 0), np.mean([slow_cosines(network, seed) for seed in (0, 1)], axis=0)
    assert list(found.values()) == pytest.approx([first[0, 1], both[0, 2], first[1, 2]], abs=1e-5)


def test_a_head_that_never_has_a_gradient_is_left_out(network):
    cosines = GradientCosines(NAMES)
    cosines.update(losses_of(network) * torch.tensor([1.0, 0.0, 1.0]), shared_by(network))
    assert list(cosines.compute(lambda tensor: tensor)) == ["train/cosine/first/third"]


@pytest.fixture
def config(tmp_path):
    return FitConfig(
        out=str(tmp_path / "run"),
        data=DataConfig(batch_size=4, num_workers=0),
        model=ModelConfig("test_efficientnet", "none", 32),
        trainer=TrainerConfig(max_epochs=2, progress=False, accelerator="cpu", every_n_train_steps=1),
        log=LogConfig(gradients=True),
    )


def curves(run):
    return pd.read_csv(run.curves).drop(columns=["step", "train/seconds"]).groupby("epoch").first()


@pytest.mark.parametrize(
    ("trainer", "model"),
    [({}, {}), ({"accumulate_grad_batches": 3, "precision": "bf16-mixed"}, {"gradient_checkpointing": True})],
)
def test_a_run_with_them_has_the_weights_of_one_without(trainer, model, config, photos, tmp_path):
    config = replace(config, trainer=replace(config.trainer, **trainer), model=replace(config.model, **model))
    looked = fit(config, photos)
    unseen = fit(replace(config, log=LogConfig(), out=str(tmp_path / "unseen")), photos)
    weights, expected = (torch.load(run.last, weights_only=True)["state_dict"] for run in (looked, unseen))
    assert weights.keys() == expected.keys()
    differing = {key for key in expected if not torch.equal(weights[key], expected[key])}
    assert not {key for key in differing if not key.endswith("num_batches_tracked")}  # which nothing reads
    logged = curves(looked)
    pd.testing.assert_frame_equal(logged.drop(columns="train/cosine/shine/lines"), curves(unseen))
    assert logged["train/cosine/shine/lines"].between(-1, 1).all()


@pytest.mark.slow  # to compile takes its time
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_a_compiled_run_logs_them_too(backend, config, photos, monkeypatch):
    """Compiled code frees buffers that a second backward pass needs."""
    compile_ = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda net, mode: compile_(net, mode=mode, backend=backend))
    config = replace(config, data=replace(config.data, batch_size=2), model=replace(config.model, input_size=64))
    run = fit(replace(config, trainer=replace(config.trainer, compile="default", max_epochs=1)), photos)
    assert torch.load(run.last, weights_only=True)["global_step"] > BATCHES  # it went on in compiled code
    assert curves(run)["train/cosine/shine/lines"].between(-1, 1).all()


def test_a_run_that_was_stopped_goes_on_with_the_means_of_its_epoch(config, photos, tmp_path, monkeypatch):
    whole = fit(replace(config, out=str(tmp_path / "whole")), photos)
    update = GradientCosines.update

    def update_or_die(self, losses, shared, scale):
        update(self, losses, shared, scale)
        if self.batches == 3:
            raise OSError("no current")

    with monkeypatch.context() as patch:
        patch.setattr(GradientCosines, "update", update_or_die)
        with pytest.raises(OSError, match="no current"):
            fit(config, photos)
    pd.testing.assert_frame_equal(curves(fit(replace(config, ckpt_path="last"), photos)), curves(whole))


def test_they_may_be_asked_for_when_a_run_is_gone_on_with(config, photos, monkeypatch):
    def stop(*_):
        raise OSError("no current")

    with monkeypatch.context() as patch:
        patch.setattr(SkinModule, "on_train_epoch_end", stop)
        with pytest.raises(OSError, match="no current"):
            fit(replace(config, log=LogConfig()), photos)
    run = fit(replace(config, ckpt_path="last"), photos)
    assert "train/cosine/shine/lines" in curves(run)
