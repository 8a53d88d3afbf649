"""Class-activation maps of all heads from one forward pass.

Most networks end in the mean of the final map over its positions and something of that mean alone: nothing, a norm, a
small perceptron, and then the heads. The derivative of any scalar s of a head is then the same at all h w positions,
so that its Grad-CAM (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391, equations 1 and 2, without the ReLU) is

    CAM(y, x) = sum over c of ds/dmean_c / (h w) * map_c(y, x),

which takes no way back through the backbone. Where only linear layers follow, it is the class-activation map of Zhou
et al. 2016, https://arxiv.org/abs/1512.04150, and its sum over positions is s without what the bias adds.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from multiskin.explain.features import are_features, features_from
from multiskin.explain.gradcam import layer_grad_cam
from multiskin.explain.scalars import Scalar, score
from multiskin.models.skinnet import SkinNet, SkinOutput


class HeadMaps(NamedTuple):
    """What one forward pass says, and where it sees it.

    Attributes:
        maps: (B, H, h, w) float32, signed, in units of the scalar: what each position adds to it, to first order.
        scalars: (B, H) float32, what the maps explain.
        output: of the network.
    """

    maps: Tensor
    scalars: Tensor
    output: SkinOutput


def head_maps(net: SkinNet, images: Tensor, scalar: Scalar = score) -> HeadMaps:
    """The maps of all heads: in closed form where that is exact, else by captum's Grad-CAM, head by head.

    Whether it is exact is seen on each batch: the features must come out again from the mean of the map.

    Args:
        net: of any backbone, in any mode; it is used in evaluation mode and left as it was.
        images: (B, 3, S, S), prepared.
        scalar: what is explained of each head.

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


def closed_form(net: SkinNet, output: SkinOutput, scalar: Scalar = score) -> HeadMaps | None:
    """The maps of a forward pass that is done, or None where heads see more of the final map than its mean.

    Args:
        net: in evaluation mode.
        output: of the network, with or without a graph.
        scalar: what is explained of each head.

    Raises:
        UserError: a head without this scalar.
    """
    # Autocast would round the maps to half precision, and nothing made in inference mode can be derived by.
    with torch.autocast(output.maps.device.type, enabled=False), torch.inference_mode(False), torch.no_grad():
        scalars, of_features = _derivatives(net, output.logits, scalar)
        of_mean = _through_pool(net, output, of_features)  # (H, B, C)
        if of_mean is None:
            return None
        positions = output.maps.shape[2] * output.maps.shape[3]
        maps = torch.einsum("hbc,bcyx->bhyx", of_mean.float() / positions, output.maps.float())
    return HeadMaps(maps, scalars, output)


def _derivatives(net: SkinNet, logits: dict[str, Tensor], scalar: Scalar) -> tuple[Tensor, Tensor]:
    """The scalars (B, H) of all heads, and their derivatives (H, B, C') by the features.

    A head's scalar depends on its own logits alone, so that the gradient of the sum of all is that of each.
    """
    heads = list(zip(net.schema, net.named_heads(), strict=True))
    leaves = [logits[name].to(torch.float32, copy=True).requires_grad_() for _, (name, _) in heads]  # (B, D) each
    with torch.enable_grad():
        columns = [scalar(attribute, head, leaf) for (attribute, (_, head)), leaf in zip(heads, leaves, strict=True)]
        scalars = torch.stack(columns, dim=1)
        of_logits = torch.autograd.grad(scalars.sum(), leaves)
    rows = [of_leaf @ head.readout.float() for of_leaf, (_, (_, head)) in zip(of_logits, heads, strict=True)]
    return scalars.detach(), torch.stack(rows)


def _through_pool(net: SkinNet, output: SkinOutput, of_features: Tensor) -> Tensor | None:
    """Derivatives (H, B, C) by the mean of the map from those by the features (H, B, C'), if these follow from it."""
    weight = next(net.parameters())
    mean = output.maps.mean(dim=(2, 3), dtype=weight.dtype)  # (B, C)
    if are_features(mean, output):
        return of_features
    copies = mean.repeat(len(of_features), 1).requires_grad_()  # (H * B, C), for in one go each needs a row of its own
    for lay_out in _layouts(getattr(net.backbone.net, "num_prefix_tokens", 0)):
        with torch.enable_grad():
            features = features_from(net, lay_out(copies), output)  # (H * B, C')
        if features is not None:
            [of_copies] = torch.autograd.grad(features, copies, of_features.flatten(0, 1).to(features.dtype))
            return of_copies.unflatten(0, of_features.shape[:2])
    return None


def _layouts(prefix_tokens: int) -> list[Callable[[Tensor], Tensor]]:
    """The ways in which networks hold a map of one position, given as (N, C)."""
    return [
        lambda mean: mean[:, :, None, None],
        lambda mean: mean[:, None, None, :],
        lambda mean: nn.functional.pad(mean[:, None], (0, 0, prefix_tokens, 0)),  # nothing of a class token is known
    ]


def _by_captum(net: SkinNet, images: Tensor, output: SkinOutput, scalar: Scalar) -> HeadMaps:
    with torch.no_grad():
        scalars = [
            scalar(attribute, head, output.logits[name])
            for attribute, (name, head) in zip(net.schema, net.named_heads(), strict=True)
        ]
    return HeadMaps(layer_grad_cam(net, images, scalar), torch.stack(scalars, dim=1), output)
