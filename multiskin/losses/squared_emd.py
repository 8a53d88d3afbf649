"""Squared earth mover's distance between cumulative distributions, which penalizes errors by their distance."""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss, in_range


class SquaredEMD(Loss):
    """Sum over k of (P(grade <= k) - 1[true grade <= k])^2, plus weighted cross entropy.

    Hou, Yu and Samaras, Squared Earth Mover's Distance-based Loss for Training Deep Neural Networks, 2016,
    https://arxiv.org/abs/1611.05916. The sum is K - 1 times the ranked probability score (Epstein, 1969). Its gradient
    vanishes where the network is confidently wrong; that of cross entropy does not.

    Args:
        counts: how many training photos have each grade, length K.
        cross_entropy: weight of the cross entropy; 0 for none.

    Raises:
        UserError: cross_entropy is out of range.
    """

    needs_order: ClassVar[bool] = True

    def __init__(self, counts: Sequence[int], cross_entropy: float = 0.5) -> None:
        super().__init__(counts)
        self.cross_entropy = in_range("cross_entropy", cross_entropy, 0, math.inf)

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        predicted = logits.softmax(dim=1).cumsum(dim=1)  # (B, K)
        true = F.one_hot(grades, self.num_grades).cumsum(dim=1)  # (B, K)
        emd = (predicted - true).square().sum(dim=1)  # (B,)
        return emd + self.cross_entropy * F.cross_entropy(logits, grades, reduction="none")
