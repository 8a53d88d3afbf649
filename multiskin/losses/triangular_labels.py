"""Triangular labels: the target is a triangle over the true grade that reaches a little into its neighbours."""

import math
from collections.abc import Sequence

import torch

from multiskin.losses.base import in_range
from multiskin.losses.soft_target import SoftTargetCrossEntropy


class TriangularLabels(SoftTargetCrossEntropy):
    """Cross entropy against the mass of a triangular distribution in each grade's part of the scale.

    Vargas et al., Soft Labelling Based on Triangular Distributions for Ordinal Classification, Information Fusion 93,
    2023. A triangle has its mode in the middle of the true grade's part; those of the lowest and the highest grade have
    it at the end of the scale and are mirror images. At the default a grade inside the scale has the target 0.05, 0.9,
    0.05, as with masked label smoothing; the ends have 0.97 and 0.03.

    Args:
        counts: how many training photos have each grade, length K.
        alpha: target mass on each neighbour of a grade inside the scale; below 2/9, so that none lies further away.

    Raises:
        UserError: alpha is out of range.
    """

    needs_order = True

    def __init__(self, counts: Sequence[int], alpha: float = 0.05) -> None:
        alpha = in_range("alpha", alpha, 0, 2 / 9)
        neighbour_mass = torch.full((len(counts),), alpha)  # (K,), of each grade's triangle on each side
        neighbour_mass[[0, -1]] = end_neighbour_mass(alpha)
        target = neighbour_mass[:-1].diag(1) + neighbour_mass[1:].diag(-1)  # (K, K)
        super().__init__(counts, target + (1 - target.sum(dim=1)).diag())


def end_neighbour_mass(alpha: float) -> float:
    """The target mass next to the lowest or highest grade, which has half a triangle: alpha_1 of the source."""
    root = math.sqrt(2 * alpha)
    return ((math.sqrt(1 + 4 * (1 - root**2) * (root - root**2)) - 1) / 2) ** 2
