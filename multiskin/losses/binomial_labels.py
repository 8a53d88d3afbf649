"""Binomial labels: the target is a binomial distribution whose mode is the true grade."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import comb

from multiskin.losses.soft_target import SoftTargetCrossEntropy


class BinomialLabels(SoftTargetCrossEntropy):
    """Cross entropy against Binomial(K - 1, (grade + 1/2) / K): with K = 5, for grade 0: 0.66, 0.29, 0.05, 0, 0.

    Liu et al., Unimodal Regularized Neuron Stick-Breaking for Ordinal Classification, Neurocomputing 2020. The
    published chances run from 0.1 to 0.9 for any K; these do so for K = 5, and have their mode at the true grade for
    any K.

    Args:
        counts: how many training photos have each grade, length K.
    """

    needs_order = True

    def __init__(self, counts: Sequence[int]) -> None:
        grade = np.arange(len(counts))  # (K,)
        chance = (grade + 0.5) / len(counts)
        most = len(counts) - 1
        target = comb(most, grade) * chance[:, None] ** grade * (1 - chance[:, None]) ** (most - grade)  # (K, K)
        super().__init__(counts, torch.from_numpy(target).float())
