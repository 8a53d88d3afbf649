"""Estimates how common each grade is among photos like those that a calibration is fitted to.

The photos themselves are few, and calibrated probabilities would inherit every accident of their sample. The training
photos are many, but may be from another population: rare grades are collected, other clinics take part. How alike the
two are is estimated from both. The grades of the photos are regarded as drawn from shares that have a Dirichlet
distribution around those of training (Mosimann, Biometrika 49, 1962). Its concentration, the number of photos that the
training shares are worth, is unknown; the estimate is averaged over it, with each value weighted by its marginal
likelihood. So it lies between the two, the closer to training the better the photos agree with it.

Photos of one subject often have the same grade and say less than as many photos of different subjects. They count as
many as would have shares of the same variance (Rao and Scott, JASA 76, 1981).
"""

import numpy as np
from scipy.special import gammaln, softmax

CONCENTRATIONS = np.geomspace(1, 1000, 40)  # photos per grade, equally likely at first


def natural_shares(grades: np.ndarray, counts: np.ndarray, units: np.ndarray) -> np.ndarray:
    """The estimated share of each grade (K,), above 0 for every grade that a photo has.

    Args:
        grades: (N,) int64 of the photos, N >= 1.
        counts: (K,) how many training photos have each grade. A grade that was never trained on has its share of the
            photos: nothing else is known about it.
        units: (N,) the number of each photo's subject.
    """
    found, known = np.bincount(grades, minlength=len(counts)), counts > 0
    shares = found / len(grades)
    if known.any():
        independent = shares * independent_photos(grades, units)
        shares[known] = shares[known].sum() * _posterior_mean(independent[known], counts[known] / counts.sum())
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


def independent_photos(grades: np.ndarray, units: np.ndarray) -> float:
    """How many photos of different subjects would estimate the shares of the grades as precisely; at most N.

    Args:
        grades: (N,) int64 of the photos.
        units: (N,) the number of each photo's subject.
    """
    subject, grade = (np.unique(column, return_inverse=True)[1] for column in (units, grades))
    cells = np.zeros((subject.max() + 1, grade.max() + 1))  # (M, F), photos of M subjects with F grades
    np.add.at(cells, (subject, grade), 1)
    photos, (subjects, kinds) = len(grades), cells.shape
    if subjects == 1 or kinds == 1:
        return float(subjects)
    shares = cells.sum(axis=0) / photos
    excess = cells - cells.sum(axis=1, keepdims=True) * shares  # sums to 0 over the subjects
    variance = (excess**2 / shares).sum() * subjects / (subjects - 1)
    of_independent = photos * (kinds - 1) * photos / (photos - 1)
    return photos * min(of_independent / variance, 1.0) if variance else float(photos)


def importance_weights(grades: np.ndarray, natural: np.ndarray) -> np.ndarray:
    """How much each photo (N,) counts, so that together they have the natural shares of the grades that they have.

    The weights sum to the number of equally weighted photos that would say as much (Kish, Survey Sampling, 1965): N if
    these shares agree, otherwise fewer.

    Args:
        grades: (N,) int64 of the photos.
        natural: (K,) the natural shares, above 0 for every grade that a photo has.
    """
    weights = (natural / np.maximum(np.bincount(grades, minlength=len(natural)), 1))[grades]
    return weights * weights.sum() / (weights**2).sum()
