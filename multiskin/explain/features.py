"""Checks whether an assumed computation from the final map to the features is the network's own.

Networks hold their maps in many layouts and pool them in many ways. None is recognised by name: a guess is accepted if
it reproduces the features of the forward pass.
"""

from math import sqrt

import torch
from torch import Tensor

from multiskin.models.skinnet import SkinNet, SkinOutput


def features_from(net: SkinNet, hidden: Tensor, output: SkinOutput) -> Tensor | None:
    """The features (N, C') that the network computes from a replacement for its final map or tokens.

    Args:
        net: the network, in evaluation mode.
        hidden: (N, ...) in the layout to try; the first B must be equivalent to those of the forward pass.
        output: the output of a forward pass on B photos.

    Returns:
        None if the features of the first B differ from those of the forward pass.
    """
    try:
        features = net.backbone.net.forward_head(hidden, pre_logits=True)
    except Exception:  # a wrong layout or too few positions; each network raises its own kind of error
        return None
    return features if matches_features(features[: len(output.features)], output) else None


def matches_features(candidate: Tensor, output: SkinOutput) -> bool:
    """Whether these (B, C') equal the output's features up to rounding."""
    expected = output.features
    if candidate.shape != expected.shape:
        return False
    tolerance = sqrt(torch.finfo(output.maps.dtype).eps) * expected.abs().max()
    return bool((candidate - expected).abs().max() <= tolerance)
