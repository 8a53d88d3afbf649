"""Captum's maps of networks without a closed form, against autograd by hand."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from multiskin.errors import UserError
from multiskin.explain.gradcam import layer_grad_cam
from multiskin.explain.scalars import probability, score
from multiskin.models.skinnet import SkinNet
from multiskin.schema import Attribute, Schema

Build = Callable[..., SkinNet]
Images = Callable[..., Tensor]


def maps_by_hand(net: SkinNet, tokens: Tensor, rest: Callable[[Tensor], Tensor], side: int) -> Tensor:
    """Grad-CAM (B, H, side, side) as a loop, at tokens (B, N, C), the last side * side of which are patches."""
    tokens = tokens.detach().requires_grad_()
    features = rest(tokens)
    maps = torch.zeros(len(tokens), len(net.schema), side, side)
    for h, (attribute, (_, head)) in enumerate(zip(net.schema, net.named_heads(), strict=True)):
        total = score(attribute, head, head(features)).sum()
        [gradient] = torch.autograd.grad(total, tokens, retain_graph=True)
        patches, slopes = (values[:, -side * side :].detach() for values in (tokens, gradient))  # (B, h * w, C)
        for b in range(len(tokens)):
            weights = slopes[b].mean(dim=0)  # (C,)
            for position in range(side * side):
                maps[b, h, position // side, position % side] = weights @ patches[b, position]
    return maps


def test_a_class_token_is_explained_at_the_input_of_the_last_block(token_net: SkinNet, images: Images) -> None:
    vit, photos = token_net.backbone.net, images(2, 96)
    tokens = vit.blocks[:-1](vit.norm_pre(vit._pos_embed(vit.patch_embed(photos))))

    def rest(tokens: Tensor) -> Tensor:
        return vit.forward_head(vit.norm(vit.blocks[-1](tokens)), pre_logits=True)

    expected = maps_by_hand(token_net, tokens, rest, 6)
    assert expected.abs().amax(dim=(2, 3)).min() > 1e-4
    torch.testing.assert_close(layer_grad_cam(token_net, photos), expected, rtol=1e-3, atol=1e-6)


def test_patches_that_reach_the_heads_are_explained_at_the_final_map(build: Build, images: Images) -> None:
    net, photos = build("test_vit3", 96), images(2, 96)  # pools by attention
    vit = net.backbone.net
    expected = maps_by_hand(
        net, vit.forward_features(photos), lambda tokens: vit.forward_head(tokens, pre_logits=True), 6
    )
    assert expected.abs().amax(dim=(2, 3)).min() > 1e-4
    torch.testing.assert_close(layer_grad_cam(net, photos), expected, rtol=1e-3, atol=1e-6)


def test_channels_last_maps_are_pooled_over_positions(build: Build, images: Images) -> None:
    net, photos = build("test_mambaout"), images(2, 64)
    with torch.no_grad():
        raw = net.backbone.net.forward_features(photos)  # (B, h, w, C)

    def rest(tokens: Tensor) -> Tensor:
        return net.backbone.net.forward_head(tokens.unflatten(1, (2, 2)), pre_logits=True)

    expected = maps_by_hand(net, raw.flatten(1, 2), rest, 2)
    torch.testing.assert_close(layer_grad_cam(net, photos), expected, rtol=1e-3, atol=1e-5)


def test_freezing_and_inference_mode_do_not_change_maps(token_net: SkinNet, images: Images) -> None:
    photos = images(1, 96)
    expected = layer_grad_cam(token_net, photos, probability(1))
    with torch.inference_mode():
        torch.testing.assert_close(layer_grad_cam(token_net, photos.clone(), probability(1)), expected)
    token_net.requires_grad_(False)
    try:
        torch.testing.assert_close(layer_grad_cam(token_net, photos, probability(1)), expected)
    finally:
        token_net.requires_grad_(True)


class Step(nn.Module):
    """A layer that wraps a function, and is not a list of blocks."""

    def __init__(self, run: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.run = run

    def forward(self, tokens: Tensor) -> Tensor:
        return self.run(tokens)


@pytest.mark.parametrize("listed", [False, True])
def test_a_network_whose_heads_depend_on_no_map_is_an_error(listed: bool, build: Build, images: Images) -> None:
    net = build("test_vit", 96, Schema((Attribute("tone", 3),)))
    vit, (*first, last) = net.backbone.net, net.backbone.net.blocks
    if listed:  # but the input of the last block does not have the shape of tokens
        vit.blocks = nn.Sequential(*first, Step(lambda tokens: tokens[None]), Step(lambda folded: last(folded[0])))
    else:
        vit.blocks = Step(vit.blocks)
    with pytest.raises(UserError, match=r"heads of this VisionTransformer do not depend .* another backbone"):
        layer_grad_cam(net, images(1, 96))
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in net.modules())
