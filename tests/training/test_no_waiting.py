"""No step of a training asks its device for a value, for it would wait there until all before it is done.

Tensors of the device "meta" have shapes and no values: whatever asks for one fails, a mask as an index among them.
"""

import pytest
import torch

from multiskin.config import ModelConfig, Recipe
from multiskin.losses import LOSSES
from multiskin.models.blueprint import Blueprint
from multiskin.schema import Attribute, Schema
from multiskin.training.weighting import create_weighting

SCHEMA = Schema((Attribute("shine", 5), Attribute("lines", 3)))


@pytest.fixture(scope="module", autouse=True)
def _device_without_values():
    with pytest.raises((NotImplementedError, RuntimeError)):
        torch.zeros(3, device="meta").isfinite().all().item()


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_and_its_gradient(loss):
    blueprint = Blueprint(
        schema=SCHEMA,
        model=ModelConfig("test_efficientnet", "none", 32),
        recipes=tuple(Recipe(loss=loss) for _ in SCHEMA),
        counts=tuple((4,) * attribute.grades for attribute in SCHEMA),
    )
    net = blueprint.build().to("meta")
    images, grades = torch.empty(4, 3, 32, 32, device="meta"), torch.empty(4, 2, dtype=torch.long, device="meta")
    losses = net.losses(net(images).logits, grades, torch.empty(4, 2, device="meta"))
    losses.sum().backward()
    assert all(weight.grad is not None for head in net.heads for weight in head.parameters())


@pytest.mark.parametrize("name", [None, "uncertainty", "random"])
def test_a_weighting(name):
    weighting = create_weighting(name, len(SCHEMA), seed=0).to("meta")
    losses = torch.empty(2, device="meta", requires_grad=True)
    weighting(losses, torch.empty(2, device="meta"), 3).sum().backward()
    assert losses.grad.shape == (2,)
