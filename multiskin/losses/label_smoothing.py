"""Label smoothing: a little of the target mass is spread evenly over the other grades."""

from collections.abc import Sequence

import torch

from multiskin.losses.base import in_range
from multiskin.losses.soft_target import SoftTargetCrossEntropy


class LabelSmoothing(SoftTargetCrossEntropy):
    """Cross entropy against 1 - epsilon on the true grade and epsilon / (K - 1) on each other grade.

    Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016, section 7, and PyTorch spread
    their epsilon over all K grades including the true one; the epsilon here is theirs times (K - 1) / K. With K = 5,
    the default 0.1 puts 0.9 on the true grade and 0.025 on each other grade.

    Args:
        counts: how many training photos have each grade, length K.
        epsilon: target mass off the true grade; below 0.5, so that the true grade has the most for any K.

    Raises:
        UserError: epsilon is out of range.
    """

    def __init__(self, counts: Sequence[int], epsilon: float = 0.1) -> None:
        epsilon = in_range("epsilon", epsilon, 0, 0.5)
        k = len(counts)
        target = torch.full((k, k), epsilon / (k - 1)).fill_diagonal_(1 - epsilon)
        super().__init__(counts, target)
