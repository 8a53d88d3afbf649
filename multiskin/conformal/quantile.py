"""The score that so many true grades stay within, of photos some of which are of the same subject.

Photos of one subject are alike: subjects can be exchanged for one another, photos cannot. So each subject has one vote,
shared by its photos, and the one who is to come has a vote for a score without bounds. What is promised holds for a
photo, any of its own, of a subject who was not there before. Source: hierarchical conformal prediction of Lee, Barber
and Willett: Distribution-free inference with hierarchical data, 2023 (arXiv 2306.06342). With one photo a subject it is
split conformal prediction (Papadopoulos, Proedrou, Vovk and Gammerman, ECML 2002).
"""

import math

import numpy as np

from multiskin.errors import UserError

ROUNDING = 1e-9  # what a sum of votes, or a coverage written in decimals, may miss by


def require_coverage(coverage: float) -> None:
    """Makes sure that it is a share that sets can be made for.

    Raises:
        UserError: it is not between 0 and 1.
    """
    if not 0 < coverage < 1:
        raise UserError(
            f"coverage is {coverage:g}; give a share above 0 and below 1, such as 0.9: for 1 every set would hold all "
            "grades, whatever the photo"
        )


def fewest_subjects(coverage: float) -> int:
    """How many subjects it takes to promise anything short of all grades."""
    return math.ceil(coverage / (1 - coverage) - ROUNDING)


def conformal_quantile(scores: np.ndarray, units: np.ndarray, coverage: float) -> float:
    """The least score that the next subject's true grade stays within as often as asked; infinite for too few subjects.

    Args:
        scores: (N,) of the true grades.
        units: (N,) the number of each photo's subject, or its own where that is not known.
        coverage: the share asked for, of the photos of a subject, averaged over subjects.
    """
    _, unit, photos = np.unique(units, return_inverse=True, return_counts=True)
    vote = 1 / ((len(photos) + 1) * photos[unit])  # (N,), 1 / (S + 1) a subject
    ascending = np.argsort(scores, kind="stable")
    enough = np.searchsorted(vote[ascending].cumsum(), coverage - ROUNDING)
    return float(scores[ascending[enough]]) if enough < len(scores) else math.inf


def mean_over_subjects(values: np.ndarray, units: np.ndarray) -> float:
    """The mean of (N,) values over the photos of each subject, averaged over subjects; NaN where there is none."""
    if not len(values):
        return math.nan
    _, unit, photos = np.unique(units, return_inverse=True, return_counts=True)
    return float((np.bincount(unit, weights=values) / photos).mean())
