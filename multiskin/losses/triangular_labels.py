"""Triangular labels: the target is a triangular distribution that overlaps the adjacent grades a little."""

import math
from collections.abc import Sequence

import torch

from multiskin.losses.base import in_range
from multiskin.losses.soft_target import SoftTargetCrossEntropy


class TriangularLabels(SoftTargetCrossEntropy):
    """Cross entropy against the mass of a triangular distribution in each of K equal parts of the scale.

    Vargas et al., Soft Labelling Based on Triangular Distributions for Ordinal Classification, Information Fusion 93,
    2023. The mode is the middle of the true grade's part; for the lowest and the highest grade, it is the end of the
    scale. With the default, the target of an inner grade is 0.05, 0.9, 0.05, as for masked label smoothing; that of the
    lowest and the highest grade is 0.97 on itself and 0.03 on its neighbour.

    Args:
        counts: how many training photos have each grade, length K.
        alpha: target mass on each neighbour of an inner grade; below 2/9, so that there is none beyond them.

    Raises:
        UserError: alpha is out of range.
    """

    needs_order = True

    def __init__(self, counts: Sequence[int], alpha: float = 0.05) -> None:
        alpha = in_range("alpha", alpha, 0, 2 / 9)
        neighbour_mass = torch.full((len(counts),), alpha)  # (K,), mass on each neighbour
        neighbour_mass[[0, -1]] = end_neighbour_mass(alpha)
        target = neighbour_mass[:-1].diag(1) + neighbour_mass[1:].diag(-1)  # (K, K)
        super().__init__(counts, target + (1 - target.sum(dim=1)).diag())


def end_neighbour_mass(alpha: float) -> float:
    """The target mass on the neighbour of the lowest or highest grade; alpha_1 in the source."""
    root = math.sqrt(2 * alpha)
    return ((math.sqrt(1 + 4 * (1 - root**2) * (root - root**2)) - 1) / 2) ** 2
