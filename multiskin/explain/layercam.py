"""Layer-CAM: the sum over channels of each position's activation times its positive gradient.

Source: Jiang et al., 2021, LayerCAM, https://doi.org/10.1109/TIP.2021.3089943, equations 5 and 6, at the maps
that heads pool.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from multiskin.explain.features import features_from
from multiskin.explain.grids import finest_grid, on_grid
from multiskin.explain.scalars import score
from multiskin.models.skinnet import SkinNet, SkinOutput, head_features


def layer_cam(net: SkinNet, output: SkinOutput) -> Tensor | None:
    """The maps (B, H, h, w) of every head's score, nowhere negative, from a finished forward pass.

    Returns:
        None if the network does not pool its final map in the layout (B, C, h, w), as with tokens or channels last.
    """
    with torch.enable_grad():
        maps, stages = _leaf(output.maps), {stride: _leaf(stage) for stride, stage in output.stages.items()}
        features = features_from(net, maps, output)
        if features is None:
            return None
        found = []
        for attribute, (_, head), stride in zip(net.schema, net.named_heads(), net.strides, strict=True):
            total = score(attribute, head, head(head_features(features, stages, stride))).sum()
            read = [maps] if stride is None else [maps, stages[stride]]
            found.append(_weighted(read, torch.autograd.grad(total, read, retain_graph=True), finest_grid(output)))
    return torch.cat(found, dim=1)


def _leaf(maps: Tensor) -> Tensor:
    return maps.detach().clone().requires_grad_()


def _weighted(read: Sequence[Tensor], gradients: Sequence[Tensor], grid: torch.Size) -> Tensor:
    """The map (B, 1, h, w) of a head from the maps (B, *, *, *) that it reads and the gradient at each."""
    each = [
        (gradient.relu() * maps.detach()).sum(dim=1, keepdim=True)
        for maps, gradient in zip(read, gradients, strict=True)
    ]
    return torch.stack([on_grid(one.float(), grid) for one in each]).sum(dim=0).relu()
