"""Backbones of every family give a map that is oriented as the image, and as many features as they declare."""

from functools import cache

import pytest
import timm
import torch
from torch import nn

from multiskin.config import ModelConfig
from multiskin.errors import UserError
from multiskin.models.backbone import Backbone, create_backbone, pretrained_backbone

FAMILIES = {  # name -> side of the image in pixels, side of the map
    "test_efficientnet": (64, 2),  # convolution, average pool
    "test_resnet": (64, 2),
    "mobilenetv3_small_050": (64, 2),  # a convolution between pool and classifier
    "test_convnext": (64, 2),  # a norm between them
    "test_mambaout": (64, 2),  # channels last
    "test_vit": (96, 6),  # tokens, the first of which is the class token
    "test_vit2": (96, 6),  # tokens, average-pooled
    "levit_128s": (96, 2),  # tokens, on a coarser grid than the patches
}


@cache
def build(name: str, size: int, stride: int | None = None) -> Backbone:
    torch.manual_seed(0)
    config = ModelConfig(name, weights="none", input_size=size, output_stride=stride)
    return pretrained_backbone(config).eval()


@pytest.mark.parametrize(("name", "size", "side"), [(name, *sizes) for name, sizes in FAMILIES.items()])
@torch.no_grad()
def test_maps_and_features_of_every_family(name: str, size: int, side: int) -> None:
    backbone = build(name, size)
    maps, features = backbone(torch.randn(3, 3, size, size))
    assert maps.shape == (3, backbone.net.num_features, side, side)
    assert features.shape == (3, backbone.num_features)


@pytest.mark.parametrize(("row", "column"), [(0, 1), (1, 0)])
@pytest.mark.parametrize("name", ["test_mambaout", "test_vit", "test_vit2"])
@torch.no_grad()
def test_a_map_made_from_other_layouts_is_oriented_as_the_image(name: str, row: int, column: int) -> None:
    """Noise in one quadrant of the image changes that quadrant of the map most."""
    images, noise = torch.randn(2, 4, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    noise[:, :, (1 - row) * 48 : (2 - row) * 48] = 0
    noise[:, :, :, (1 - column) * 48 : (2 - column) * 48] = 0
    backbone = build(name, 96)
    change = (backbone(images + 3 * noise)[0] - backbone(images)[0]).square().sum(dim=(0, 1))  # (h, w)
    half = len(change) // 2
    quarters = [change[:half, :half], change[:half, -half:], change[-half:, :half], change[-half:, -half:]]
    assert torch.stack([quarter.sum() for quarter in quarters]).argmax() == 2 * row + column


@pytest.mark.parametrize("name", ["efficientnet_b0", "tf_efficientnet_lite0"])
@torch.no_grad()
def test_the_features_of_efficientnet_are_the_mean_of_its_map(name: str) -> None:
    maps, features = build(name, 64)(torch.randn(2, 3, 64, 64))
    torch.testing.assert_close(features, maps.mean(dim=(2, 3)))


@pytest.mark.parametrize("name", ["efficientnet_b0", "resnet18"])
def test_without_dilation_the_map_is_as_fine_and_no_kernel_is_dilated(name: str) -> None:
    plain = create_backbone(ModelConfig(name, weights="none", input_size=64, output_stride=16, dilation=False))
    dilated = create_backbone(ModelConfig(name, weights="none", input_size=64, output_stride=16))
    images = torch.rand(1, 3, 64, 64)
    assert plain.eval()(images)[0].shape == dilated.eval()(images)[0].shape
    kernels = [layer for layer in plain.modules() if isinstance(layer, nn.Conv2d)]
    assert {layer.dilation for layer in kernels} == {(1, 1)}
    assert {layer.dilation for layer in dilated.modules() if isinstance(layer, nn.Conv2d)} == {(1, 1), (2, 2)}
    assert plain.state_dict().keys() == dilated.state_dict().keys()


@pytest.mark.parametrize(("name", "stride", "side"), [("efficientnet_b0", 16, 4), ("test_resnet", 8, 8)])
@torch.no_grad()
def test_a_smaller_output_stride_gives_a_finer_map(name: str, stride: int, side: int) -> None:
    maps, _ = build(name, 64, stride)(torch.randn(1, 3, 64, 64))
    assert maps.shape[2:] == (side, side)


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("tf_efficientnet_lite0", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ("efficientnet_b0", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
)
def test_normalisation_is_that_of_the_published_weights(
    name: str, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    backbone = create_backbone(ModelConfig(name))
    assert (backbone.mean, backbone.std) == (mean, std)


@pytest.mark.parametrize("name", ["efficientnetb0", "efficientnet_b0.no_such_weights"])
def test_the_message_on_an_unknown_backbone_suggests_a_known_one(name: str) -> None:
    with pytest.raises(UserError, match=rf"model\.backbone: unknown backbone '{name}'.* efficientnet_b0\b"):
        create_backbone(ModelConfig(name))


def test_the_name_of_published_weights_is_accepted() -> None:
    backbone = create_backbone(ModelConfig("test_efficientnet.r160_in1k"))
    assert backbone.net.pretrained_cfg["tag"] == "r160_in1k"


@pytest.mark.parametrize(
    ("name", "stride"),
    [
        ("test_vit", 16),  # has no such option
        ("test_resnet", 3),  # has it, and refuses
        ("efficientnet_b0", 7),  # accepts anything and gives a stride that it has
    ],
)
def test_an_unsupported_output_stride_is_an_error(name: str, stride: int) -> None:
    with pytest.raises(UserError, match=rf"model.*output_stride.*{stride}"):
        build(name, 64, stride)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("test_vit", 100),  # not a multiple of its patch size
        ("crossvit_9_240", 240),  # two grids of tokens, not one
    ],
)
def test_a_backbone_that_cannot_process_images_is_refused_before_weights_are_fetched(
    name: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("multiskin.models.backbone.find_weights", lambda *_, **__: pytest.fail("looked for weights"))
    with pytest.raises(UserError, match=rf"{name} cannot process images of {size} x {size} pixels"):
        pretrained_backbone(ModelConfig(name, input_size=size))


def test_a_fresh_backbone_is_in_training_mode_and_untouched() -> None:
    torch.manual_seed(0)
    untried = timm.create_model("test_efficientnet", num_classes=0)
    torch.manual_seed(0)
    backbone = pretrained_backbone(ModelConfig("test_efficientnet", weights="none", input_size=64))
    assert backbone.training
    torch.testing.assert_close(backbone.net.state_dict(), untried.state_dict(), rtol=0, atol=0)


@torch.no_grad()
def test_random_residual_blocks_start_as_the_identity() -> None:
    config = ModelConfig("efficientnet_b0", weights="none", input_size=64)
    blocks = [block for block in pretrained_backbone(config).net.modules() if getattr(block, "has_skip", False)]
    assert len(blocks) == 9
    for block in blocks:
        maps = torch.randn(2, block.conv_pw.in_channels, 8, 8)
        torch.testing.assert_close(block.eval()(maps), maps)


STAGES = {  # name -> channels by stride, from the papers or timm's tables
    "efficientnet_b0": {2: 16, 4: 24, 8: 40, 16: 112},
    "resnet18": {2: 64, 4: 64, 8: 128, 16: 256},
    "test_convnext": {4: 24, 8: 32, 16: 48},
    "test_mambaout": {4: 16, 8: 32, 16: 48},  # channels last
    "mobilenetv3_small_050": {2: 16, 4: 8, 8: 16, 16: 24},
}


@pytest.mark.parametrize("name", STAGES)
@torch.no_grad()
def test_finer_stages_do_not_change_the_final_map_and_features(name: str) -> None:
    backbone, images = build(name, 64), torch.randn(2, 3, 64, 64)
    assert {stride: stage.channels for stride, stage in backbone.finer_stages.items()} == STAGES[name]
    maps, features, stages = backbone.with_stages(images, {16, 8, 4})
    expected_maps, expected_features = backbone(images)
    torch.testing.assert_close(maps, expected_maps, rtol=0, atol=0)
    torch.testing.assert_close(features, expected_features, rtol=0, atol=0)
    assert {stride: tuple(stage.shape) for stride, stage in stages.items()} == {
        stride: (2, STAGES[name][stride], 64 // stride, 64 // stride) for stride in (4, 8, 16)
    }


@torch.no_grad()
def test_a_stage_is_the_output_of_its_last_block() -> None:
    backbone, images = build("efficientnet_b0", 64), torch.randn(1, 3, 64, 64)
    given = {}
    blocks = backbone.net.blocks
    handles = [
        blocks[place].register_forward_hook(lambda _, __, output, place=place: given.update({place: output}))
        for place in (2, 4)
    ]
    _, _, stages = backbone.with_stages(images, [16, 8])
    for handle in handles:
        handle.remove()
    assert torch.equal(stages[8], given[2])
    assert torch.equal(stages[16], given[4])


@pytest.mark.parametrize("stride", [16, 8])
def test_a_finer_final_map_leaves_fewer_finer_stages(stride: int) -> None:
    backbone = create_backbone(ModelConfig("efficientnet_b0", weights="none", input_size=64, output_stride=stride))
    assert set(backbone.finer_stages) == {2, 4, 8, 16} - {stride, 16}


@pytest.mark.parametrize(
    ("name", "stride", "words"),
    [
        ("efficientnet_b0", 32, r"EfficientNet .*finer than its final map; give one of 2, 4, 8, 16, or leave"),
        ("efficientnet_b0", -8, r"EfficientNet .*finer than its final map; give one of 2, 4, 8, 16, or leave"),
        ("test_vit", 8, r"VisionTransformer .*finer than its final map; choose another backbone, or leave"),
    ],
)
def test_the_message_on_a_missing_stage_names_those_that_exist(name: str, stride: int, words: str) -> None:
    backbone = create_backbone(ModelConfig(name, weights="none", input_size=96))
    with pytest.raises(UserError, match=rf"^heads\.lines\.stride is {stride}; .*{words}"):
        backbone.require_stage(stride, "heads.lines.stride")


def test_a_network_without_forward_intermediates_has_no_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = create_backbone(ModelConfig("test_resnet"))
    monkeypatch.delattr(type(backbone.net), "forward_intermediates")
    assert backbone.finer_stages == {}
