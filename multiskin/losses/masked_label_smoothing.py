"""Masked label smoothing: a little of the target mass is on the adjacent grades and none beyond them."""

from collections.abc import Sequence

import torch

from multiskin.losses.base import in_range
from multiskin.losses.soft_target import SoftTargetCrossEntropy


class MaskedLabelSmoothing(SoftTargetCrossEntropy):
    """Cross entropy against epsilon on each adjacent grade and the rest on the true one.

    With the default 0.05, the target of an inner grade is 0.05, 0.9, 0.05; the lowest and the highest grade have one
    neighbour and the target 0.95, 0.05.

    Args:
        counts: how many training photos have each grade, length K.
        epsilon: target mass on each neighbour; below 1/3, so that the true grade has the most.

    Raises:
        UserError: epsilon is out of range.
    """

    needs_order = True

    def __init__(self, counts: Sequence[int], epsilon: float = 0.05) -> None:
        epsilon = in_range("epsilon", epsilon, 0, 1 / 3)
        above = torch.full((len(counts) - 1,), epsilon).diag(1)  # (K, K)
        neighbours = above + above.T
        super().__init__(counts, neighbours + (1 - neighbours.sum(dim=1)).diag())
