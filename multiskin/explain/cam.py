"""Class-activation maps of all heads from one forward pass.

Most networks average the final map over its positions, and everything after that (nothing, a norm or a small
perceptron, and then the heads) depends on that mean alone. The derivative of any scalar s of a head is then the same at
all h w positions, so its Grad-CAM (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391, equations 1 and 2, without
the ReLU) is

    CAM(y, x) = sum over c of ds/dmean_c / (h w) * map_c(y, x),

which needs no backward pass through the backbone. If only linear layers follow, it is the class-activation map of Zhou
et al. 2016, https://arxiv.org/abs/1512.04150, and its sum over positions is s minus the contribution of the bias.

For a head with a hidden layer, the derivative is propagated back through that layer. A head that also reads the mean of
a finer stage has a map at each of the two, and their sum on the finer grid covers everything the head sees.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from multiskin.explain.features import features_from, matches_features
from multiskin.explain.gradcam import layer_grad_cam
from multiskin.explain.grids import finest_grid, on_grid
from multiskin.explain.scalars import Scalar, score
from multiskin.heads import Head
from multiskin.models.skinnet import SkinNet, SkinOutput, head_features


class HeadMaps(NamedTuple):
    """The maps of all heads from one forward pass, with the values they explain.

    Attributes:
        maps: (B, H, h, w) float32, signed, in units of the scalar: the first-order contribution of each position. All
            heads have the resolution of the finest map that any of them reads.
        scalars: (B, H) float32, the values that the maps explain.
        output: the network's output.
    """

    maps: Tensor
    scalars: Tensor
    output: SkinOutput


def head_maps(net: SkinNet, images: Tensor, scalar: Scalar = score) -> HeadMaps:
    """The maps of all heads: in closed form where that is exact, else by Captum's Grad-CAM, head by head.

    Exactness is checked on each batch: the mean of the final map must reproduce the features.

    Args:
        net: a network with any backbone; it runs in evaluation mode, and its modes are restored afterwards.
        images: (B, 3, S, S), preprocessed.
        scalar: the quantity of each head to explain.

    Raises:
        UserError: a head without this scalar, or a backbone without a map that the heads depend on.
    """
    with _evaluating(net):
        with torch.no_grad():
            output = net(images)
        return closed_form(net, output, scalar) or _by_captum(net, images, output, scalar)


@contextmanager
def _evaluating(net: nn.Module) -> Iterator[None]:
    training = [module for module in net.modules() if module.training] if net.training else []
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Disables autocast, which would round maps to half precision, and inference mode, which rules out gradients."""
    with torch.autocast(device.type, enabled=False), torch.inference_mode(False), torch.no_grad():
        yield


def closed_form(net: SkinNet, output: SkinOutput, scalar: Scalar = score) -> HeadMaps | None:
    """The maps of a finished forward pass, or None if the heads depend on more of the final map than its mean.

    Args:
        net: the network, in evaluation mode.
        output: its output, with or without an autograd graph.
        scalar: the quantity of each head to explain.

    Raises:
        UserError: a head without this scalar.
    """
    with _full_precision(output.maps.device):
        scalars, grad_inputs = _derivatives(net, output, scalar)
        grad_features = torch.stack([of_head[:, : output.features.shape[1]] for of_head in grad_inputs])  # (H, B, C')
        grad_mean = _grad_through_pool(net, output, grad_features)  # (H, B, C)
        if grad_mean is None:
            return None
        maps = with_stages(net, output, weighted_maps(grad_mean, output.maps), grad_inputs)
    return HeadMaps(maps, scalars, output)


def _derivatives(net: SkinNet, output: SkinOutput, scalar: Scalar) -> tuple[Tensor, list[Tensor]]:
    """The scalars (B, H) of all heads, and the derivative (B, C) of each with respect to its head's input.

    A head's scalar depends only on its own logits, so the gradient of the sum of all scalars contains each one's own.
    """
    heads, logits = list(zip(net.schema, net.named_heads(), strict=True)), output.logits
    leaves = [logits[name].to(torch.float32, copy=True).requires_grad_() for _, (name, _) in heads]  # (B, D) each
    with torch.enable_grad():
        columns = [scalar(attribute, head, leaf) for (attribute, (_, head)), leaf in zip(heads, leaves, strict=True)]
        scalars = torch.stack(columns, dim=1)
        grad_logits = torch.autograd.grad(scalars.sum(), leaves)
    grad_inputs = [
        _grad_through_head(head, grad, output, stride)
        for grad, (_, (_, head)), stride in zip(grad_logits, heads, net.strides, strict=True)
    ]
    return scalars.detach(), grad_inputs


def _grad_through_head(head: Head, grad_logits: Tensor, output: SkinOutput, stride: int | None) -> Tensor:
    """Derivatives (B, C) with respect to a head's input, from those with respect to its logits (B, D)."""
    grad_hidden = grad_logits @ head.readout.float()  # (B, U)
    if isinstance(head.hidden, nn.Identity):
        return grad_hidden
    read = head_features(output.features, output.stages, stride).to(head.readout.dtype, copy=True).requires_grad_()
    with torch.enable_grad():
        hidden = head.hidden(read)
    [grad_input] = torch.autograd.grad(hidden, read, grad_hidden.to(hidden.dtype))
    return grad_input.float()


def weighted_maps(grad_mean: Tensor, maps: Tensor) -> Tensor:
    """Grad-CAM (B, H, h, w) at maps (B, C, h, w) from derivatives (H, B, C) with respect to their mean."""
    return torch.einsum("hbc,bcyx->bhyx", grad_mean.float() / maps.shape[2:].numel(), maps.float())


def with_stages(net: SkinNet, output: SkinOutput, maps: Tensor, grad_inputs: Sequence[Tensor]) -> Tensor:
    """The maps (B, H, h, w) at the final map and at finer stages, from those at the final map alone.

    The derivatives (B, C) are with respect to the features, followed by the mean of the head's stage.
    """
    grid = finest_grid(output)
    maps = on_grid(maps, grid)
    for stride, stage in output.stages.items():
        heads = [h for h, own in enumerate(net.strides) if own == stride]
        grad_mean = torch.stack([grad_inputs[h][:, output.features.shape[1] :] for h in heads])  # (heads, B, C_s)
        maps[:, heads] += on_grid(weighted_maps(grad_mean, stage), grid)
    return maps


def _grad_through_pool(net: SkinNet, output: SkinOutput, grad_features: Tensor) -> Tensor | None:
    """Derivatives (H, B, C) with respect to the mean of the final map, from those with respect to the features.

    Args:
        net: the network, in evaluation mode.
        output: its output.
        grad_features: (H, B, C') derivatives with respect to the features.

    Returns:
        None if the features are not a function of the mean.
    """
    weight = next(net.parameters())
    mean = output.maps.mean(dim=(2, 3), dtype=weight.dtype)  # (B, C)
    if matches_features(mean, output):
        return grad_features
    copies = mean.repeat(len(grad_features), 1).requires_grad_()  # (H * B, C): one row per gradient
    for layout in _layouts(getattr(net.backbone.net, "num_prefix_tokens", 0)):
        with torch.enable_grad():
            features = features_from(net, layout(copies), output)  # (H * B, C')
        if features is not None:
            [grad_copies] = torch.autograd.grad(features, copies, grad_features.flatten(0, 1).to(features.dtype))
            return grad_copies.unflatten(0, grad_features.shape[:2])
    return None


def _layouts(prefix_tokens: int) -> list[Callable[[Tensor], Tensor]]:
    """The layouts in which networks hold a map of a single position, from its channels (N, C)."""
    return [
        lambda mean: mean[:, :, None, None],
        lambda mean: mean[:, None, None, :],
        lambda mean: nn.functional.pad(mean[:, None], (0, 0, prefix_tokens, 0)),  # the class token is unknown
    ]


def _by_captum(net: SkinNet, images: Tensor, output: SkinOutput, scalar: Scalar) -> HeadMaps:
    maps = layer_grad_cam(net, images, scalar)
    with _full_precision(output.maps.device):
        scalars, grad_inputs = _derivatives(net, output, scalar)
        return HeadMaps(with_stages(net, output, maps, grad_inputs), scalars, output)
