"""Captum's Grad-CAM, with a forward and a backward pass per head: for networks without a closed form."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from multiskin.errors import UserError
from multiskin.explain.scalars import Scalar, score
from multiskin.heads import Head
from multiskin.models.backbone import Backbone
from multiskin.models.skinnet import SkinNet, head_features
from multiskin.schema import Attribute


def layer_grad_cam(net: SkinNet, images: Tensor, scalar: Scalar = score) -> Tensor:
    """The maps (B, H, h, w) of all heads, float32 and signed, without the contribution of finer stages.

    They are taken at the final map or, if the heads read a class token, which no longer depends on the final patches,
    at the input of the last block.

    Args:
        net: the network, in evaluation mode.
        images: (B, 3, S, S), preprocessed.
        scalar: the quantity of each head to explain.

    Raises:
        UserError: a head without this scalar, or a backbone without a map that the heads depend on.
    """
    from captum.attr import LayerGradCam  # slow to import, and few networks need it

    probe, stages = Probe(), _stages(net, images)
    with torch.inference_mode(False), _features_through(probe, net.backbone, images[:1]) as features_of:

        def explained(images: Tensor, attribute: Attribute, head: Head, stride: int | None) -> Tensor:
            return scalar(attribute, head, head(head_features(features_of(images), stages, stride)))

        grad_cam, copy = LayerGradCam(explained, probe), images.clone()  # inference tensors have no gradient
        maps = [
            grad_cam.attribute(copy, additional_forward_args=(attribute, head, stride), relu_attributions=False)
            for attribute, (_, head), stride in zip(net.schema, net.named_heads(), net.strides, strict=True)
        ]  # (B, 1, h, w) each
    return torch.cat(maps, dim=1).detach().float()


@torch.no_grad()
def _stages(net: SkinNet, images: Tensor) -> Mapping[int, Tensor]:
    """The finer stages that heads read, which are constant in the gradient at the final map."""
    return net(images).stages if any(net.strides) else {}


class Probe(nn.Module):
    """The layer that Captum explains: passes on a map (B, C, h, w) as an autograd leaf."""

    def forward(self, picture: Tensor) -> Tensor:
        return picture.detach().requires_grad_()


@contextmanager
def _features_through(probe: Probe, backbone: Backbone, image: Tensor) -> Iterator[Callable[[Tensor], Tensor]]:
    """A function from images (B, 3, S, S) to features (B, C') in which the map passes through `probe`."""
    with torch.no_grad():
        size = backbone(image)[0].shape[2:]
        hidden = backbone.net.forward_features(image)
        zeroed, unchanged = (_features(backbone, hidden, size, layer) for layer in (torch.zeros_like, nn.Identity()))
    if not torch.equal(zeroed, unchanged):
        yield lambda images: _features(backbone, backbone.net.forward_features(images), size, probe)
        return

    def probe_input(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        tokens, *others = inputs
        if tokens.ndim != 3 or tokens.shape[1] < size.numel():
            raise _without_map(backbone)
        return _apply_to_map(tokens, size, probe), *others

    handle = _last_block(backbone).register_forward_pre_hook(probe_input)
    try:
        yield lambda images: backbone(images)[1]
    finally:
        handle.remove()


def _features(backbone: Backbone, hidden: Tensor, size: torch.Size, layer: Callable[[Tensor], Tensor]) -> Tensor:
    """The features (B, C') of a final map, or of tokens, after `layer` has been applied to it."""
    return backbone.net.forward_head(_apply_to_map(hidden, size, layer), pre_logits=True)


def _apply_to_map(hidden: Tensor, size: torch.Size, layer: Callable[[Tensor], Tensor]) -> Tensor:
    """Applies `layer` to a map or tokens as a picture (B, C, h, w), and restores their own layout."""
    if hidden.ndim == 4:
        if hidden.shape[2:] == size:
            return layer(hidden)
        return layer(hidden.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    first, patches = hidden.split([hidden.shape[1] - size.numel(), size.numel()], dim=1)  # (B, *, C), (B, h * w, C)
    picture = layer(patches.transpose(1, 2).unflatten(2, size))
    return torch.cat([first, picture.flatten(2).transpose(1, 2)], dim=1)


def _last_block(backbone: Backbone) -> nn.Module:
    blocks = getattr(backbone.net, "blocks", None)
    if not isinstance(blocks, nn.Sequential | nn.ModuleList):
        raise _without_map(backbone)
    return blocks[-1]


def _without_map(backbone: Backbone) -> UserError:
    return UserError(
        f"model.backbone: the heads of this {type(backbone.net).__name__} do not depend on its final map, and the "
        "input of its last block is not a map; explain a model with another backbone, such as a convolutional one"
    )
