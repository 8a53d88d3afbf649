"""Estimates how common each grade is among photos like those that a calibration is fitted to.

The photos themselves are few, and calibrated probabilities inherit every accident of their sample. The training photos
are many, but may be another population: rare grades are collected, other clinics took part. How alike the two are is
estimated from both. The grades of the photos are regarded as drawn from shares that have a Dirichlet distribution
around those of training (Mosimann, Biometrika 49, 1962). Its concentration, the number of photos that the training
shares are worth, is unknown; the estimate is averaged over it, each value weighted by its marginal likelihood. So a
sample that may well be of the training population takes over its shares, and one that cannot be keeps its own.
"""

import numpy as np
from scipy.special import gammaln, softmax

CONCENTRATIONS = np.geomspace(1, 1000, 40)  # per grade, equally likely at first: from one photo to a thousand


def natural_shares(grades: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The estimated share of each grade (K,).

    Args:
        grades: (N,) int64 of the photos, N >= 1.
        counts: (K,) how many training photos have each grade. A grade that was never trained on has its share of the
            photos: nothing else is known about it.
    """
    found, known = np.bincount(grades, minlength=len(counts)), counts > 0
    shares = found / len(grades)
    if known.any():
        shares[known] = shares[known].sum() * _posterior_mean(found[known], counts[known] / counts.sum())
    return shares


def _posterior_mean(found: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """The posterior mean (K,) of the shares, from how often grades were found (K,) and shares in training (K,)."""
    prior = len(trained) * np.outer(CONCENTRATIONS, trained)  # (A, K), the parameters of A Dirichlet distributions
    posterior = prior + found
    evidence = _log_normalizer(posterior) - _log_normalizer(prior)  # (A,)
    return softmax(evidence) @ (posterior / posterior.sum(axis=1, keepdims=True))


def _log_normalizer(parameters: np.ndarray) -> np.ndarray:
    """Logarithms (A,) of the normalizing constants of A Dirichlet distributions with these parameters (A, K)."""
    return gammaln(parameters).sum(axis=1) - gammaln(parameters.sum(axis=1))


def importance_weights(grades: np.ndarray, natural: np.ndarray) -> np.ndarray:
    """How much each photo (N,) counts, so that together they have the natural shares (K,) of the grades.

    The weights sum to the number of equally weighted photos that would say as much (Kish, Survey Sampling, 1965): N if
    the shares agree, otherwise fewer.
    """
    weights = (natural / np.maximum(np.bincount(grades, minlength=len(natural)), 1))[grades]
    return weights * weights.sum() / (weights**2).sum()
