"""Small networks with heads of every kind, whose norms have statistics of noise, since fresh ones give trivial maps."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from multiskin.config import ModelConfig, Recipe
from multiskin.models.blueprint import Blueprint
from multiskin.models.skinnet import SkinNet
from multiskin.schema import Attribute, Schema

ORDINAL = tuple(Attribute(f"k{grades}", grades) for grades in range(2, 8))
MIXED = Schema((*ORDINAL, Attribute("kind", 4, kind="nominal")))

torch.set_num_threads(1)  # threads only slow such small networks down


def build_net(name: str = "test_efficientnet", size: int = 64, schema: Schema = MIXED) -> SkinNet:
    torch.manual_seed(0)
    counts = tuple((1,) * attribute.grades for attribute in schema)
    net = Blueprint(schema, ModelConfig(name, input_size=size), (Recipe(),) * len(schema), counts).build()
    spread(net, noise(4, size, seed=2))
    return net.eval()


@torch.no_grad()
def spread(net: SkinNet, images: Tensor) -> None:
    """Gives every norm its own statistics, and every head logits that vary between images by about 1."""
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
            layer.momentum = 1.0
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.3)
    _, features = net.train().backbone(images)
    for _, head in net.named_heads():
        nn.init.normal_(head.linear.weight)
        head.linear.weight.div_((features @ head.linear.weight.T).std().clamp(min=1e-3))
        nn.init.normal_(head.linear.bias)


def noise(number: int, size: int, seed: int = 1) -> Tensor:
    return torch.randn(number, 3, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="session")
def build() -> Callable[..., SkinNet]:
    return build_net


@pytest.fixture(scope="session")
def small_net() -> SkinNet:
    """Convolution, average pool, heads."""
    return build_net()


@pytest.fixture(scope="session")
def token_net() -> SkinNet:
    """A transformer whose heads read its class token."""
    return build_net("test_vit", 96)


@pytest.fixture
def images() -> Callable[..., Tensor]:
    return noise


@pytest.fixture(autouse=True)
def nothing_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Checks that tests leave hooks, modes and gradients of the shared networks unchanged."""
    shared = [request.getfixturevalue(name) for name in ("small_net", "token_net") if name in request.fixturenames]
    yield
    for net in shared:
        assert not net.training
        assert all(parameter.grad is None and parameter.requires_grad for parameter in net.parameters())
        assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in net.modules())
