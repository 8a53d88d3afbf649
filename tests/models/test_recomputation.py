"""Gradient checkpointing gives the same gradients and running statistics, with less memory."""

import pytest
import torch

from multiskin.config import ModelConfig
from multiskin.errors import UserError
from multiskin.models.backbone import create_backbone, pretrained_backbone

NAMES = ["test_efficientnet", "test_resnet", "test_vit"]
SIZES = {"test_vit": 160}


def trained_step(name, recomputing):
    """The network after two backward passes through one forward pass, and the bytes stored for them."""
    torch.manual_seed(0)
    backbone = pretrained_backbone(ModelConfig(name, "none", SIZES.get(name, 64), gradient_checkpointing=recomputing))
    images = torch.rand(3, 3, SIZES.get(name, 64), SIZES.get(name, 64))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.nbytes) or x, lambda x: x):
        loss = backbone(images)[1].square().mean()
    torch.autograd.grad(loss, list(backbone.parameters()), retain_graph=True, allow_unused=True)
    loss.backward()
    return backbone, sum(kept)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_and_statistics_equal_those_without_it(name):
    plain, much = trained_step(name, False)
    again, little = trained_step(name, True)
    assert little < 0.6 * much
    for one, other in zip(plain.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    state = again.state_dict()
    for key, tensor in plain.state_dict().items():
        if not key.endswith("num_batches_tracked"):  # a count that has no effect
            torch.testing.assert_close(state[key], tensor)


def test_a_network_for_inference_recomputes_nothing():
    backbone = create_backbone(ModelConfig("test_resnet", "none", 64, gradient_checkpointing=True))
    assert not backbone.net.grad_checkpointing


def test_a_network_that_does_not_support_it_is_refused():
    with pytest.raises(UserError, match=r"model\.gradient_checkpointing: legacy_xception does not support it"):
        pretrained_backbone(ModelConfig("legacy_xception", "none", 64, gradient_checkpointing=True))
