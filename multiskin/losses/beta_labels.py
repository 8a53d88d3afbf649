"""Beta labels: the target is a beta distribution on [0, 1], of which each grade covers an equal part."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import betainc

from multiskin.losses.soft_target import SoftTargetCrossEntropy


class BetaLabels(SoftTargetCrossEntropy):
    """Cross entropy against the mass of a beta distribution in each of K equal parts of [0, 1].

    Vargas, Gutiérrez and Hervás-Martínez, Unimodal Regularisation Based on Beta Distribution for Deep Ordinal
    Regression, Pattern Recognition 122, 2022. For an inner grade, the mean is the middle of its part and the standard
    deviation half a part; for the lowest and the highest grade, the distribution is Beta(1, 2K - 2) and its mirror
    image. For K = 3 and 5 these are the published parameters; for other K, the published ones are rounded and end at
    K = 14. With K = 5, the target of grade 2 is 0.00, 0.16, 0.67, 0.16, 0.00.

    Args:
        counts: how many training photos have each grade, length K.
    """

    needs_order = True

    def __init__(self, counts: Sequence[int]) -> None:
        shapes = beta_shapes(len(counts))  # (K, 2)
        edges = np.linspace(0, 1, len(counts) + 1)
        cumulative = betainc(shapes[:, :1], shapes[:, 1:], edges)  # (K, K+1)
        super().__init__(counts, torch.from_numpy(np.diff(cumulative)).float())


def beta_shapes(num_grades: int) -> np.ndarray:
    """The shape parameters (a, b) of each grade's beta distribution: (K, 2)."""
    mean = (np.arange(num_grades) + 0.5) / num_grades  # (K,)
    total = mean * (1 - mean) * (2 * num_grades) ** 2 - 1  # a + b for the variance (1 / 2K)^2
    shapes = np.stack([mean, 1 - mean], axis=1) * total[:, None]
    shapes[0] = 1, 2 * num_grades - 2
    shapes[-1] = 2 * num_grades - 2, 1
    return shapes
