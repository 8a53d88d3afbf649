"""The conformal quantile of scores when several photos may show the same subject.

Photos of one subject are dependent, so subjects are exchangeable but photos are not. Therefore each subject has weight
1, shared by its photos, and the next subject has weight 1 at an infinite score. The coverage guarantee is for a random
photo of a new subject. Source: hierarchical conformal prediction, Lee, Barber and Willett: Distribution-free inference
with hierarchical data, 2023 (arXiv 2306.06342). With one photo per subject it is split conformal prediction
(Papadopoulos, Proedrou, Vovk and Gammerman, ECML 2002).
"""

import math

import numpy as np

from multiskin.errors import UserError

TOLERANCE = 1e-9  # for the rounding of summed weights and decimal coverages


def require_coverage(coverage: float) -> None:
    """Makes sure that the coverage is between 0 and 1, both excluded.

    Raises:
        UserError: it is not.
    """
    if not 0 < coverage < 1:
        raise UserError(
            f"coverage is {coverage:g}; give a share above 0 and below 1, such as 0.9; with 1, every set would contain "
            "all grades, whatever the photo"
        )


def min_subjects(coverage: float) -> int:
    """The minimum number of subjects for sets that do not simply contain all grades."""
    return math.ceil(coverage / (1 - coverage) - TOLERANCE)


def conformal_quantile(scores: np.ndarray, units: np.ndarray, coverage: float) -> float:
    """The smallest score that covers a new subject's true grade as often as asked; infinite with too few subjects.

    Args:
        scores: (N,) of the true grades.
        units: (N,) the index of each photo's subject, or an index of its own if the subject is unknown.
        coverage: the share of a subject's photos to cover, averaged over subjects.
    """
    _, unit, photos = np.unique(units, return_inverse=True, return_counts=True)
    weight = 1 / ((len(photos) + 1) * photos[unit])  # (N,), sums to 1 / (S + 1) over each of the S subjects
    ascending = np.argsort(scores, kind="stable")
    position = np.searchsorted(weight[ascending].cumsum(), coverage - TOLERANCE)
    return float(scores[ascending[position]]) if position < len(scores) else math.inf


def mean_over_subjects(values: np.ndarray, units: np.ndarray) -> float:
    """The mean of (N,) values over the photos of each subject, averaged over subjects; NaN without photos."""
    if not len(values):
        return math.nan
    _, unit, photos = np.unique(units, return_inverse=True, return_counts=True)
    return float((np.bincount(unit, weights=values) / photos).mean())
