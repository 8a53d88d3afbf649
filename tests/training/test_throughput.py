"""Loops take turns over the same batches, and the share of one in the other is that of their medians."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from multiskin.config import DataConfig, FitConfig, ModelConfig, OptimizerConfig, TrainerConfig
from multiskin.schema import MISSING
from multiskin.training.throughput import WARM_UP, bare_step, create_loops, ratio_of_speeds, rounds_of

CPU = torch.device("cpu")


@pytest.fixture
def config(data_config):
    return FitConfig(
        data=DataConfig(root=data_config.root, batch_size=4, num_workers=0),
        model=ModelConfig("test_efficientnet", "none", 32),
        optimizer=OptimizerConfig(lr=0.01),
        trainer=TrainerConfig(accelerator="cpu", progress=False),
    )


@pytest.mark.parametrize("decay", [None, 0.99])
def test_all_loops_train_and_tell_their_seconds(decay, config, photos):
    loops = create_loops(replace(config, trainer=replace(config.trainer, ema_decay=decay)), photos, steps=2)
    before = {key: value.clone() for key, value in loops.module.net.state_dict().items()}
    assert len(loops.data.train_dataloader()) == len(loops.preloaded.batches) == WARM_UP + 2
    for loop in (loops.bare, loops.fit, loops.loading):
        assert 0 < loop() < 10
    after = loops.module.net.state_dict()
    assert not all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_bare_step_learns_a_batch_by_heart(precision, config, schema):
    torch.manual_seed(0)
    config = replace(config, trainer=replace(config.trainer, precision=precision))
    step = bare_step(config, schema, CPU)
    batch = {"image": torch.randn(4, 3, 32, 32), "grades": torch.tensor([[0, 1], [4, MISSING], [MISSING, 2], [2, 0]])}
    losses = [float(step(batch)) for _ in range(12)]
    assert losses[-1] < 0.8 * losses[0]


def test_tasks_take_turns_and_every_other_round_goes_backwards():
    called = []

    def task(name, seconds):
        called.append(name)
        return seconds

    found = rounds_of([lambda: task("a", 1.0), lambda: task("b", 2.0)], 3)
    assert called == ["a", "b", *"abbaab"]
    np.testing.assert_array_equal(found, [[1.0, 2.0]] * 3)


def test_the_ratio_is_that_of_medians():
    seconds = np.array([[1.0, 2.0], [1.1, 2.1], [9.0, 2.2]])
    ratio = ratio_of_speeds(seconds)
    assert ratio.value == pytest.approx(1.1 / 2.1)
    assert 1.0 / 2.2 <= ratio.low <= ratio.value <= ratio.high <= 9.0 / 2.0
    assert ratio_of_speeds(np.array([[1.0, 2.0]] * 4)) == pytest.approx((0.5, 0.5, 0.5))
