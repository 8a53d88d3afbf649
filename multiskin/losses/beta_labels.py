"""Beta labels: the scale is the interval from 0 to 1, the target a beta distribution around the true grade's part."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import betainc

from multiskin.losses.soft_target import SoftTargetCrossEntropy


class BetaLabels(SoftTargetCrossEntropy):
    """Cross entropy against the mass of a beta distribution in each K-th of [0, 1].

    Vargas, Gutierrez and Hervas-Martinez, Unimodal Regularisation Based on Beta Distribution for Deep Ordinal
    Regression, Pattern Recognition 122, 2022. Inside the scale the distribution has its mean in the middle of the true
    grade's part and half a part as standard deviation; at the ends it is Beta(1, 2K - 2) and its mirror image. For
    K = 3 and 5 these are the published parameters; for other K those are rounded, up to K = 14. With K = 5 grade 2 has
    the target 0.00, 0.16, 0.67, 0.16, 0.00.

    Args:
        counts: how many training photos have each grade, length K.
    """

    needs_order = True

    def __init__(self, counts: Sequence[int]) -> None:
        shapes = beta_shapes(len(counts))  # (K, 2)
        edges = np.linspace(0, 1, len(counts) + 1)
        cumulated = betainc(shapes[:, :1], shapes[:, 1:], edges)  # (K, K+1)
        super().__init__(counts, torch.from_numpy(np.diff(cumulated)).float())


def beta_shapes(num_grades: int) -> np.ndarray:
    """Both shape parameters of each grade's beta distribution: (K, 2)."""
    mean = (np.arange(num_grades) + 0.5) / num_grades  # (K,)
    total = mean * (1 - mean) * (2 * num_grades) ** 2 - 1  # their sum where the variance is (1 / 2K)^2
    shapes = np.stack([mean, 1 - mean], axis=1) * total[:, None]
    shapes[0] = 1, 2 * num_grades - 2
    shapes[-1] = 2 * num_grades - 2, 1
    return shapes
