"""Loops alternate over the same batches, and their ratio is that of their medians."""

from dataclasses import replace

import pytest
import torch

from multiskin.config import DataConfig, FitConfig, ModelConfig, OptimizerConfig, TrainerConfig
from multiskin.schema import MISSING
from multiskin.training.throughput import WARM_UP, bare_step, create_loops

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
