"""SORD: the target decreases exponentially with a power of the distance from the true grade."""

import math
from collections.abc import Sequence

import torch

from multiskin.losses.base import in_range
from multiskin.losses.soft_target import SoftTargetCrossEntropy
from multiskin.metrics.functional import distance_matrix


class SORD(SoftTargetCrossEntropy):
    """Cross entropy against the softmax over k of -alpha |k - grade|^power.

    Diaz and Marathe, Soft Labels for Ordinal Regression, CVPR 2019. With the defaults and K = 5, the target of grade 2
    is 0.01, 0.21, 0.56, 0.21, 0.01.

    Args:
        counts: how many training photos have each grade, length K.
        alpha: how steeply the target decreases.
        power: exponent of the distance.

    Raises:
        UserError: an option is out of range.
    """

    needs_order = True

    def __init__(self, counts: Sequence[int], alpha: float = 1.0, power: float = 2.0) -> None:
        alpha = in_range("alpha", alpha, 0.1, math.inf)
        power = in_range("power", power, 1, math.inf)
        penalty = alpha * distance_matrix(len(counts)) ** power  # (K, K)
        super().__init__(counts, torch.softmax(-penalty, dim=1).float())
