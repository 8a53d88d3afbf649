"""Networks with random weights, and the maps of all methods for them."""

import numpy as np
import pytest
import torch

from multiskin.config import ModelConfig, Recipe
from multiskin.explain.layercam import layer_cam
from multiskin.explain.measures import outside_skin, randomisation
from multiskin.explain.methods import likeliest_logit, maps_by_method
from multiskin.explain.randomisation import RANDOMISATIONS, with_random_heads, with_random_weights
from multiskin.explain.scalars import score
from multiskin.models.blueprint import Blueprint
from multiskin.models.skinnet import SkinNet
from multiskin.schema import Attribute, Schema

SIZE = 64
SCHEMA = Schema((Attribute("shine", 5), Attribute("kind", 3, kind="nominal")))


def build(backbone: str = "test_efficientnet") -> SkinNet:
    torch.manual_seed(0)
    stride = 8 if "vit" not in backbone else None
    model = ModelConfig(backbone, weights="none", input_size=SIZE, output_stride=stride)
    net = Blueprint(SCHEMA, model, (Recipe(), Recipe()), ((1,) * 5, (1,) * 3)).build().eval()
    for _, head in net.named_heads():
        torch.nn.init.normal_(head.linear.weight)
    return net


@pytest.fixture(scope="module")
def net() -> SkinNet:
    return build()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(4, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def changed(before: SkinNet, after: SkinNet) -> set[str]:
    """The names of the parameters that differ."""
    return {
        name
        for (name, one), (_, other) in zip(before.named_parameters(), after.named_parameters(), strict=True)
        if not torch.equal(one, other)
    }


def test_random_heads_keep_the_features(net: SkinNet, images: torch.Tensor) -> None:
    after = with_random_heads(net, images, seed=1)
    assert changed(net, after) == {f"heads.{h}.linear.{part}" for h in range(2) for part in ("weight", "bias")}
    assert torch.equal(after(images).features, net(images).features)


@pytest.mark.parametrize("backbone", ["test_efficientnet", "test_vit"])
def test_random_weights_change_all_parameters_of_the_copy_only(backbone: str, images: torch.Tensor) -> None:
    net = build(backbone)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.5)  # as training would
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    state = torch.random.get_rng_state()
    after = with_random_weights(net, images, seed=1)
    assert changed(net, after) == {name for name, _ in net.named_parameters()}
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any(module.training for module in after.modules())
    again, other = with_random_weights(net, images, seed=1), with_random_weights(net, images, seed=2)
    assert torch.equal(after(images).features, again(images).features)
    assert not torch.equal(after(images).features, other(images).features)


def test_random_layers_still_distinguish_photos(net: SkinNet, images: torch.Tensor) -> None:
    maps = with_random_weights(net, images, seed=1)(images).maps
    assert maps.std(dim=(2, 3)).mean() > 0.1
    assert maps.std(dim=0).mean() > 0.1


def test_baselines_are_not_affected_by_randomisation(net: SkinNet, images: torch.Tensor) -> None:
    rows, graded = np.arange(4), np.array([[True, False]] * 4)
    maps = maps_by_method(net, images, rows, seed=0)
    found = {
        (each.method, each.measure): each.values for each in randomisation(net, images, rows, maps, graded, 0, images)
    }
    for what in RANDOMISATIONS:
        np.testing.assert_allclose(found["centre", f"{what}_anew"][:, 0], 1)
        assert abs(found["random", f"{what}_anew"][:, 0].mean()) < 0.15
        assert (found["cam", f"{what}_anew_absolute"][:, 0] >= abs(found["cam", f"{what}_anew"][:, 0])).all()
    assert all(np.isnan(values[:, 1]).all() for values in found.values())  # not graded
    assert np.isfinite(found["cam", "network_anew"][:, 0]).all()


def test_every_method_has_the_resolution_of_the_networks_own_maps(net: SkinNet, images: torch.Tensor) -> None:
    maps = maps_by_method(net, images, np.arange(4), seed=0)
    assert list(maps) == ["cam", "grad_cam", "layer_cam", "centre", "random", "uniform"]
    assert {each.shape for each in maps.values()} == {(4, 2, 8, 8)}
    assert min(maps["grad_cam"].min(), maps["layer_cam"].min()) >= 0 > maps["cam"].min()
    alone = maps_by_method(net, images[2:3], np.array([2]), seed=0)
    for method in maps:
        np.testing.assert_allclose(alone[method][0], maps[method][2], atol=1e-5)


def test_grad_cam_explains_the_highest_logit(net: SkinNet, images: torch.Tensor) -> None:
    output = net(images)
    maps, logits = output.maps.detach(), output.logits["shine"]
    weights = net.named_heads()[0][1].readout.detach()[logits.argmax(dim=1)]  # (B, C)
    expected = torch.einsum("bc,bcyx->byx", weights, maps).relu() / 64
    np.testing.assert_allclose(maps_by_method(net, images, np.arange(4), 0)["grad_cam"][:, 0], expected, atol=1e-5)
    assert torch.equal(likeliest_logit(SCHEMA["shine"], net.named_heads()[0][1], logits), logits.max(dim=1).values)


def test_layer_cam_weights_every_position_by_its_own_gradient(net: SkinNet, images: torch.Tensor) -> None:
    maps = net(images).maps.detach().requires_grad_()
    features = maps.mean(dim=(2, 3))
    got = layer_cam(net, net(images))
    assert got is not None
    for h, (attribute, (_, head)) in enumerate(zip(SCHEMA, net.named_heads(), strict=True)):
        [gradient] = torch.autograd.grad(score(attribute, head, head(features)).sum(), maps, retain_graph=True)
        expected = (gradient.clamp(min=0) * maps.detach()).sum(dim=1).clamp(min=0)
        np.testing.assert_allclose(got[:, h], expected, atol=1e-5)


def test_tokens_have_no_layer_cam(images: torch.Tensor) -> None:
    net = build("test_vit")
    with torch.no_grad():
        assert layer_cam(net, net(images)) is None
    assert "layer_cam" not in maps_by_method(net, images, np.arange(4), seed=0)


def test_outside_skin_is_measured_for_graded_heads() -> None:
    maps = {"cam": np.ones((2, 2, 4, 4), np.float32)}
    skin = np.zeros((2, 8, 8))
    skin[0, :, :2] = 1
    skin[1] = 0.25
    [found] = outside_skin(maps, skin, np.array([[True, False], [True, True]]))
    np.testing.assert_allclose(found.values, [[0.75, np.nan], [0.75, 0.75]])
