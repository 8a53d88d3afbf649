"""Heads with a hidden layer and heads that read a finer stage: their maps against Captum's at every pool."""

from collections.abc import Callable

import pytest
import torch
from captum.attr import LayerGradCam
from timm.layers import SelectAdaptivePool2d
from torch import Tensor, nn

from multiskin.config import ModelConfig, Recipe
from multiskin.data.transforms import Preprocessing
from multiskin.explain.cam import closed_form, head_maps
from multiskin.explain.grids import on_grid
from multiskin.explain.heads import with_heads
from multiskin.explain.layercam import layer_cam
from multiskin.explain.scalars import Scalar, class_logit, more_than, probability, score
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.models.skinnet import SkinNet, head_features
from multiskin.schema import Attribute, Schema

Images = Callable[..., Tensor]
of_every_scalar = pytest.mark.parametrize("scalar", [score, probability(1), more_than(0)], ids=["score", "p1", ">0"])
SCHEMA = Schema(
    (
        Attribute("plain", 5),
        Attribute("two", 2),
        Attribute("kind", 4, kind="nominal"),
        Attribute("cut", 3),
        Attribute("far", 4),
        Attribute("fine", 7),
    )
)
SMALL_LAYERS = (
    Recipe(),
    Recipe(hidden=8),
    Recipe(hidden=16),
    Recipe(loss="coral", hidden=8),
    Recipe(loss="corn", hidden=8),
    Recipe(loss="cumulative_link"),
)
FINER = (
    Recipe(),
    Recipe(stride=16),
    Recipe(stride=16, hidden=8),
    Recipe(stride=8, loss="coral"),
    Recipe(loss="corn", hidden=8),
    Recipe(stride=8, hidden=16),
)


def build(recipes: tuple[Recipe, ...], name: str = "test_efficientnet") -> SkinNet:
    """A network whose norms have their own statistics and whose logits vary between photos by about 1."""
    torch.manual_seed(0)
    counts = tuple((1,) * attribute.grades for attribute in SCHEMA)
    net = Blueprint(SCHEMA, ModelConfig(name, input_size=64), recipes, counts).build()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.3)
    with torch.no_grad():
        output = net.train()(torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(2)))
        for (_, head), stride in zip(net.named_heads(), net.strides, strict=True):
            nn.init.normal_(head.linear.weight)
            units = head.hidden(head_features(output.features, output.stages, stride))
            head.linear.weight.div_((units @ head.linear.weight.T).std().clamp(min=1e-3))
    return net.eval()


class Reading(nn.Module):
    """One head's scalar from the maps that a network pools, each passed through a layer that Captum can explain."""

    def __init__(self, net: SkinNet, h: int, scalar: Scalar) -> None:
        super().__init__()
        self.final, self.stage = nn.Identity(), nn.Identity()
        self.net, self.h, self.scalar = [net], h, scalar  # in a list, so that it is not registered as a submodule

    def forward(self, maps: Tensor, *stages: Tensor) -> Tensor:
        [net] = self.net
        final = self.final(maps)
        if getattr(net.backbone.net, "output_fmt", "NCHW") == "NHWC":
            final = final.permute(0, 2, 3, 1)
        features = net.backbone.net.forward_head(final, pre_logits=True)
        pooled = [self.stage(stage).flatten(2).mean(dim=2) for stage in stages]
        head = net.named_heads()[self.h][1]
        return self.scalar(net.schema.attributes[self.h], head, head(torch.cat([features, *pooled], dim=1)))


def captum_maps(net: SkinNet, images: Tensor, scalar: Scalar, grid: tuple[int, int]) -> Tensor:
    """Grad-CAM (B, H, h, w) at the final map plus, on the finer grid, that at the stage a head reads."""
    output, columns = net(images), []
    for h, stride in enumerate(net.strides):
        reading = Reading(net, h, scalar)
        pictures = (output.maps.detach(), *([] if stride is None else [output.stages[stride].detach()]))
        layers = [reading.final, reading.stage][: len(pictures)]
        cams = [
            LayerGradCam(reading, layer).attribute(pictures, relu_attributions=False).detach()  # (B, 1, *, *)
            for layer in layers
        ]
        columns.append(sum(on_grid(cam, torch.Size(grid)) for cam in cams))
    return torch.cat(columns, dim=1)


def assert_same_maps(found: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    """Compares maps (B, H, h, w) relative to the largest value of each head."""
    scale = expected.abs().amax(dim=(0, 2, 3), keepdim=True)
    assert (scale > 1e-4).all()
    assert ((found - expected).abs() / scale).max() <= tolerance


@of_every_scalar
@pytest.mark.parametrize("name", ["test_efficientnet", "test_convnext"])
def test_with_hidden_layers_the_closed_form_matches_captums_grad_cam(name: str, scalar: Scalar, images: Images) -> None:
    net, photos = build(SMALL_LAYERS, name), images(2, 64)
    found = closed_form(net, net(photos), scalar)
    assert found is not None
    [pool] = [layer for layer in net.modules() if isinstance(layer, SelectAdaptivePool2d)]
    for h, (attribute, (key, head)) in enumerate(zip(net.schema, net.named_heads(), strict=True)):
        cam = LayerGradCam(lambda x, a=attribute, key=key, head=head: scalar(a, head, net(x).logits[key]), pool)
        expected = cam.attribute(photos, attribute_to_layer_input=True, relu_attributions=False)
        assert_same_maps(found.maps[:, h : h + 1], expected.detach())


@pytest.mark.parametrize(
    ("name", "scalar"),
    [
        ("test_efficientnet", score),
        ("test_efficientnet", probability(1)),
        ("test_efficientnet", more_than(0)),
        ("test_resnet", score),
        ("test_convnext", score),
        ("test_mambaout", score),  # channels last
    ],
)
def test_with_finer_stages_the_closed_form_matches_captum_at_every_pool(
    name: str, scalar: Scalar, images: Images
) -> None:
    net, photos = build(FINER, name), images(2, 64)
    found = closed_form(net, net(photos), scalar)
    assert found is not None
    assert found.maps.shape == (2, 6, 8, 8)
    assert_same_maps(found.maps, captum_maps(net, photos, scalar, (8, 8)))


def test_stages_are_exact_even_if_the_final_map_has_no_closed_form(images: Images) -> None:
    net, photos = build(FINER, "test_resnet"), images(2, 64)
    net.backbone.net.global_pool = SelectAdaptivePool2d(pool_type="max", flatten=True)
    assert closed_form(net, net(photos)) is None
    expected, output = captum_maps(net, photos, score, (8, 8)), net(photos)
    with torch.inference_mode():
        found = head_maps(net, photos.clone())
    assert_same_maps(found.maps, expected)
    for h, (attribute, (name, head)) in enumerate(zip(net.schema, net.named_heads(), strict=True)):
        torch.testing.assert_close(found.scalars[:, h], score(attribute, head, output.logits[name]))


def test_a_map_of_a_logit_sums_to_the_logit_without_its_bias(images: Images) -> None:
    net = build((Recipe(stride=8), *(Recipe(stride=stride) for stride in (16, 4, None, 8, 16))))
    found = head_maps(net, images(3, 64), class_logit(1))
    assert found.maps.shape == (3, 6, 16, 16)
    biases = torch.stack([head.linear.bias.detach()[1] for _, head in net.named_heads()])
    torch.testing.assert_close(found.maps.sum(dim=(2, 3)), found.scalars - biases, rtol=1e-4, atol=1e-4)


def test_a_head_of_the_final_map_has_the_same_map_upsampled(images: Images) -> None:
    net, photos = build(FINER), images(2, 64)
    predictor = Predictor(net, Preprocessing(64, (0.5,) * 3, (0.2,) * 3), torch.device("cpu"))
    coarse = with_heads(predictor, Schema((SCHEMA["far"], SCHEMA["plain"]))).net
    assert coarse(photos).stages == {}
    found = head_maps(coarse, photos).maps
    assert found.shape == (2, 2, 2, 2)
    torch.testing.assert_close(head_maps(net, photos).maps[:, [4, 0]], on_grid(found, torch.Size((8, 8))))


def test_selected_heads_read_only_their_own_stages(images: Images) -> None:
    net, photos = build(FINER), images(2, 64)
    predictor = Predictor(net, Preprocessing(64, (0.5,) * 3, (0.2,) * 3), torch.device("cpu"))
    some = with_heads(predictor, Schema((SCHEMA["fine"], SCHEMA["plain"]))).net
    assert set(some(photos).stages) == {8}
    torch.testing.assert_close(head_maps(some, photos).maps, head_maps(net, photos).maps[:, [5, 0]])


@pytest.mark.parametrize("recipes", [SMALL_LAYERS, FINER], ids=["hidden", "stride"])
def test_works_in_inference_mode_under_autocast_and_in_half_precision(
    recipes: tuple[Recipe, ...], images: Images
) -> None:
    net, photos = build(recipes), images(2, 64)
    expected = head_maps(net, photos).maps
    with torch.inference_mode():
        assert_same_maps(head_maps(net, photos.clone()).maps, expected)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = head_maps(net, photos.clone()).maps
    half = head_maps(net.bfloat16(), photos.bfloat16()).maps
    for found in (rounded, half):
        assert found.dtype == torch.float32
        assert_same_maps(found, expected, 0.25)


def test_layer_cam_includes_the_finer_stage(images: Images) -> None:
    net, photos = build(FINER), images(2, 64)
    output = net(photos)
    found = layer_cam(net, output)
    assert found is not None
    for h, (attribute, (_, head), stride) in enumerate(zip(SCHEMA, net.named_heads(), net.strides, strict=True)):
        read = [output.maps] if stride is None else [output.maps, output.stages[stride]]
        leaves = [maps.detach().requires_grad_() for maps in read]
        means = torch.cat([leaf.mean(dim=(2, 3)) for leaf in leaves], dim=1)
        gradients = torch.autograd.grad(score(attribute, head, head(means)).sum(), leaves)
        whole = torch.zeros(2, 8, 8)
        for leaf, gradient in zip(leaves, gradients, strict=True):
            part = torch.zeros(2, *leaf.shape[2:])
            for channel in range(leaf.shape[1]):
                part += gradient[:, channel].clamp(min=0) * leaf.detach()[:, channel]
            whole += on_grid(part[:, None], torch.Size((8, 8)))[:, 0]
        torch.testing.assert_close(found[:, h], whole.clamp(min=0), rtol=1e-3, atol=1e-6)
