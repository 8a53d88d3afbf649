"""Binomial labels: the target is a binomial distribution whose mode is the true grade."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import comb

from multiskin.losses.soft_target import SoftTargetCrossEntropy


class BinomialLabels(SoftTargetCrossEntropy):
    """Cross entropy against Binomial(K - 1, (grade + 1/2) / K): with K = 5 and grade 0, 0.66, 0.29, 0.05, 0.00, 0.00.

    Liu et al., Unimodal Regularized Neuron Stick-Breaking for Ordinal Classification, Neurocomputing 388, 2020. The
    published success probabilities range from 0.1 to 0.9 for any K; these do so for K = 5, but put the mode at the true
    grade for any K.

    Args:
        counts: how many training photos have each grade, length K.
    """

    needs_order = True

    def __init__(self, counts: Sequence[int]) -> None:
        k, trials = np.arange(len(counts)), len(counts) - 1
        probability = (k[:, None] + 0.5) / len(counts)  # (K, 1)
        target = comb(trials, k) * probability**k * (1 - probability) ** (trials - k)  # (K, K)
        super().__init__(counts, torch.from_numpy(target).float())
