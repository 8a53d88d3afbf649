"""Maps in closed form against Captum's Grad-CAM and finite differences; the network stays unchanged."""

from collections.abc import Callable

import pytest
import torch
from captum.attr import LayerGradCam
from timm.layers import SelectAdaptivePool2d
from torch import Tensor, nn

from multiskin.errors import UserError
from multiskin.explain.cam import closed_form, head_maps
from multiskin.explain.gradcam import layer_grad_cam
from multiskin.explain.scalars import Scalar, class_logit, more_than, probability, score
from multiskin.models.skinnet import SkinNet
from multiskin.schema import Attribute, Schema

Build = Callable[..., SkinNet]
Images = Callable[..., Tensor]
SCALARS = {"score": score, "p1": probability(1), ">0": more_than(0), "logit1": class_logit(1)}
BACKBONES = [
    "test_efficientnet",
    "test_resnet",
    "test_convnext",
    "efficientnet_b0",
    "tf_efficientnet_lite0",
    pytest.param("resnet50", marks=pytest.mark.slow),
    pytest.param("convnext_tiny", marks=pytest.mark.slow),
]


def captum_maps(net: SkinNet, images: Tensor, scalar: Scalar) -> Tensor:
    """Captum's Grad-CAM (B, H, h, w) at the input of the pool, through the whole network."""
    [pool] = [layer for layer in net.modules() if isinstance(layer, SelectAdaptivePool2d)]
    columns = []
    for attribute, (name, head) in zip(net.schema, net.named_heads(), strict=True):
        cam = LayerGradCam(lambda x, a=attribute, n=name, head=head: scalar(a, head, net(x).logits[n]), pool)
        columns.append(cam.attribute(images, attribute_to_layer_input=True, relu_attributions=False))
    return torch.cat(columns, dim=1).detach()


def assert_same_maps(found: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    """Compares maps (B, H, h, w) relative to the largest value of each head."""
    scale = expected.abs().amax(dim=(0, 2, 3), keepdim=True)
    assert (scale > 0).all()
    assert ((found - expected).abs() / scale).max() <= tolerance


@pytest.mark.parametrize("name", BACKBONES)
def test_the_closed_form_matches_captums_grad_cam(name: str, build: Build, images: Images) -> None:
    net, photos = build(name), images(2, 64)
    output = net(photos)
    for scalar in SCALARS.values():
        found = closed_form(net, output, scalar)
        assert found is not None
        assert_same_maps(found.maps, captum_maps(net, photos, scalar))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("mobilenetv3_small_050", 64),  # a convolution between pool and heads
        ("test_mambaout", 64),  # channels last, and a perceptron
        ("test_vit2", 96),  # tokens, the first of which is not pooled
        ("levit_128s", 96),  # tokens without a class token
    ],
)
def test_other_networks_with_mean_pooling_have_the_closed_form(
    name: str, size: int, build: Build, images: Images
) -> None:
    net, photos = build(name, size), images(2, size)
    found = closed_form(net, net(photos))
    assert found is not None
    assert_same_maps(found.maps, layer_grad_cam(net, photos), 2e-5)


def max_pooled(net: SkinNet) -> SkinNet:
    net.backbone.net.global_pool = SelectAdaptivePool2d(pool_type="max", flatten=True)
    return net


def test_a_network_with_other_pooling_is_detected_and_explained_by_captum(build: Build, images: Images) -> None:
    net, photos = max_pooled(build("test_resnet")), images(2, 64)
    assert closed_form(net, net(photos)) is None
    for scalar in SCALARS.values():
        assert_same_maps(head_maps(net, photos, scalar).maps, captum_maps(net, photos, scalar))


def test_a_network_with_a_class_token_is_explained_by_captum(token_net: SkinNet, images: Images) -> None:
    photos = images(2, 96)
    assert closed_form(token_net, token_net(photos)) is None
    found = head_maps(token_net, photos)
    assert torch.equal(found.maps, layer_grad_cam(token_net, photos))
    assert found.maps.shape == (2, 7, 6, 6)


@pytest.mark.parametrize("name", ["test_efficientnet", "test_convnext"])
def test_a_cell_is_the_derivative_of_the_scalar_by_its_strength(name: str, build: Build, images: Images) -> None:
    net = build(name)
    maps, scalars, output = head_maps(net, images(2, 64))
    step = 1e-2

    @torch.no_grad()
    def scores_of(final: Tensor) -> Tensor:
        features = net.backbone.net.forward_head(final, pre_logits=True)
        heads = zip(net.schema, net.named_heads(), strict=True)
        return torch.stack([score(attribute, head, head(features)) for attribute, (_, head) in heads], dim=1)

    torch.testing.assert_close(scores_of(output.maps), scalars)
    for y in range(2):
        for x in range(2):
            less, more = output.maps.clone(), output.maps.clone()
            less[:, :, y, x] *= 1 - step
            more[:, :, y, x] *= 1 + step
            slope = (scores_of(more) - scores_of(less)) / (2 * step)
            torch.testing.assert_close(maps[:, :, y, x], slope, rtol=2e-2, atol=2e-3)


def test_a_map_of_a_logit_sums_to_the_logit_without_its_bias(small_net: SkinNet, images: Images) -> None:
    maps, logits, _ = head_maps(small_net, images(3, 64), class_logit(1))
    biases = torch.stack([head.linear.bias.detach()[1] for _, head in small_net.named_heads()])
    torch.testing.assert_close(maps.sum(dim=(2, 3)), logits - biases)


def test_maps_of_the_probabilities_of_all_grades_cancel(build: Build, images: Images) -> None:
    net = build(schema=Schema((Attribute("tone", 3), Attribute("kind", 3, kind="nominal"))))
    maps = torch.stack([head_maps(net, images(2, 64), probability(grade)).maps for grade in range(3)])
    assert maps.abs().max() > 1e-2
    torch.testing.assert_close(maps.sum(dim=0), torch.zeros_like(maps[0]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("net_name", ["small_net", "token_net"])
def test_a_photo_has_the_same_maps_in_any_batch(net_name: str, images: Images, request: pytest.FixtureRequest) -> None:
    net = request.getfixturevalue(net_name)
    photos = images(3, 96)
    maps, scalars, output = head_maps(net, photos)
    assert (maps.dtype, scalars.dtype) == (torch.float32, torch.float32)
    assert not maps.requires_grad
    for row in range(3):
        one = head_maps(net, photos[row : row + 1])
        torch.testing.assert_close(one.maps[0], maps[row], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(one.scalars[0], scalars[row])
        torch.testing.assert_close(one.output.features[0], output.features[row])


@pytest.mark.parametrize(("name", "size"), [("test_efficientnet", 64), ("test_vit", 96)])
def test_a_network_with_a_single_head_has_maps(name: str, size: int, build: Build, images: Images) -> None:
    found = head_maps(build(name, size, Schema((Attribute("tone", 3),))), images(1, size))
    assert found.maps.shape[:2] == found.scalars.shape == (1, 1)
    assert found.maps.any()


@pytest.mark.parametrize("net_name", ["small_net", "token_net"])
def test_scalars_match_those_computed_from_the_logits(
    net_name: str, images: Images, request: pytest.FixtureRequest
) -> None:
    net = request.getfixturevalue(net_name)
    _, scalars, output = head_maps(net, images(2, 96), more_than(0))
    for h, (name, head) in enumerate(net.named_heads()):
        torch.testing.assert_close(scalars[:, h], 1 - head.probabilities(output.logits[name].detach())[:, 0])


@pytest.mark.parametrize("net_name", ["small_net", "token_net"])
def test_works_in_inference_mode_and_under_autocast(
    net_name: str, images: Images, request: pytest.FixtureRequest
) -> None:
    net, photos = request.getfixturevalue(net_name), images(2, 96)
    expected = head_maps(net, photos).maps
    with torch.inference_mode():
        assert_same_maps(head_maps(net, photos.clone()).maps, expected)
        with torch.autocast("cpu", torch.bfloat16):
            found = head_maps(net, photos.clone())
    assert found.maps.dtype == torch.float32
    assert_same_maps(found.maps, expected, 0.2)


@pytest.mark.parametrize(("name", "size"), [("test_efficientnet", 64), ("test_convnext", 64), ("test_vit", 96)])
def test_a_half_precision_network_has_full_precision_maps(name: str, size: int, build: Build, images: Images) -> None:
    net, photos = build(name, size), images(2, size)
    expected = head_maps(net, photos).maps
    found = head_maps(net.bfloat16(), photos.bfloat16()).maps
    assert found.dtype == torch.float32
    assert_same_maps(found, expected, 0.2)


@pytest.mark.parametrize(("name", "size"), [("test_efficientnet", 64), ("test_vit", 96)])
def test_the_network_is_unchanged_afterwards(name: str, size: int, build: Build, images: Images) -> None:
    net, photos = build(name, size), images(2, size)
    expected = head_maps(net, photos).maps
    state = {key: value.clone() for key, value in net.state_dict().items()}
    net.train().requires_grad_(False)
    net.heads[0].eval()
    modes = [layer.training for layer in net.modules()]
    assert torch.equal(head_maps(net, photos).maps, expected)
    assert [layer.training for layer in net.modules()] == modes
    assert not any(parameter.requires_grad for parameter in net.parameters())
    torch.testing.assert_close(net.state_dict(), state, rtol=0, atol=0)
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in net.modules())


@pytest.mark.parametrize(("name", "size"), [("test_efficientnet", 64), ("test_convnext", 64), ("test_vit", 96)])
def test_a_constant_scalar_has_a_map_of_zeros(name: str, size: int, build: Build, images: Images) -> None:
    net = build(name, size)
    blind, sure = net.heads[0].linear, net.heads[1].linear
    nn.init.zeros_(blind.weight)
    nn.init.constant_(sure.bias, -1e4)
    with torch.no_grad():
        sure.bias[2] = 1e4
    maps = head_maps(net, images(2, size)).maps
    assert not maps[:, :2].any()
    assert maps[:, 2:].any()
    assert maps.isfinite().all()


def test_a_map_of_zeros_has_maps_of_zeros(small_net: SkinNet, images: Images) -> None:
    output = small_net(images(1, 64))
    blank = output._replace(maps=torch.zeros_like(output.maps), features=torch.zeros_like(output.features))
    found = closed_form(small_net, blank)
    assert found is not None
    assert not found.maps.any()


def test_only_a_head_without_the_grade_has_a_map_of_zeros(small_net: SkinNet, images: Images) -> None:
    found = head_maps(small_net, images(1, 64), class_logit(3))
    for h, attribute in enumerate(small_net.schema):
        assert bool(found.maps[:, h].any()) == (attribute.grades > 3)


def test_modes_are_restored_after_an_error_in_a_scalar(small_net: SkinNet, images: Images) -> None:
    def lacking(*_: object) -> Tensor:
        raise UserError("no such scalar")

    small_net.train()
    with pytest.raises(UserError, match="no such scalar"):
        head_maps(small_net, images(1, 64), lacking)
    assert all(module.training for module in small_net.modules())
    small_net.eval()
