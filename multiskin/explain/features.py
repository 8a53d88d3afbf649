"""Whether an assumed way from the final map to the features is the network's own way.

Networks hold their maps in many layouts and pool them in many ways. None is known by its name: whatever is tried counts
if the features of the forward pass come out of it again.
"""

from math import sqrt

import torch
from torch import Tensor

from multiskin.models.skinnet import SkinNet, SkinOutput


def features_from(net: SkinNet, hidden: Tensor, output: SkinOutput) -> Tensor | None:
    """The features (N, C') that the network makes of something in place of its final map or tokens.

    Args:
        net: in evaluation mode.
        hidden: (N, ...) in the layout tried; its first B are those of the forward pass.
        output: of the forward pass on B photos.

    Returns:
        None where the features of the first B are not those of the forward pass.
    """
    try:
        features = net.backbone.net.forward_head(hidden, pre_logits=True)
    except Exception:  # it needs another layout, or more positions; every network raises its own kinds of error
        return None
    return features if are_features(features[: len(output.features)], output) else None


def are_features(candidate: Tensor, output: SkinOutput) -> bool:
    """Whether these (B, C') are the output's features but for rounding, and not for a share that could be seen."""
    expected = output.features
    if candidate.shape != expected.shape:
        return False
    tolerance = sqrt(torch.finfo(output.maps.dtype).eps) * expected.abs().max()
    return bool((candidate - expected).abs().max() <= tolerance)
