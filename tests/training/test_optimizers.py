from typing import get_args, get_type_hints

import pytest
import torch

from multiskin.config import OptimizerConfig
from multiskin.training.optimizers import OPTIMIZERS, create_optimizer


@pytest.mark.parametrize("name", get_args(get_type_hints(OptimizerConfig)["name"]))
def test_every_optimizer_that_may_be_named_goes_downhill(name):
    slow, fast = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    groups = [{"params": [slow], "lr": 0.001}, {"params": [fast]}]
    optimizer = create_optimizer(OptimizerConfig(name=name, lr=0.1, weight_decay=0.0), groups)
    (slow**2 + fast**2).sum().backward()
    optimizer.step()
    assert (slow < 1).all()
    assert (fast < slow).all()


def test_the_weight_decay_is_that_of_the_config():
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = create_optimizer(OptimizerConfig(lr=0.1, weight_decay=0.5), [{"params": [weight]}])
    weight.grad = torch.zeros(2)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), torch.full((2,), 1 - 0.1 * 0.5))


def test_every_name_of_the_config_has_an_optimizer():
    assert set(OPTIMIZERS) == set(get_args(get_type_hints(OptimizerConfig)["name"]))
