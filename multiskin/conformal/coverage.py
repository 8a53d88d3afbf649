"""What sets of one head are worth on graded photos: how often they hold the true grade, and how wide they are."""

from typing import NamedTuple

import numpy as np

from multiskin.conformal.quantile import mean_over_subjects
from multiskin.schema import MISSING


class Coverage(NamedTuple):
    """Shares and sizes over the photos of each subject, averaged over subjects, as the promise is; NaN without photos.

    Attributes:
        subjects: how many have graded photos.
        photos: how many are graded.
        covered: the share of sets that hold the true grade.
        size: grades a set.
        full: the share of sets that hold all grades.
        by_grade: (K,) the share of sets that hold the true grade, where it is this one.
    """

    subjects: int
    photos: int
    covered: float
    size: float
    full: float
    by_grade: np.ndarray


def coverage_of(sets: np.ndarray, grades: np.ndarray, units: np.ndarray) -> Coverage:
    """Judges the sets of one head; photos without a grade count nowhere.

    Args:
        sets: (N, K) masks.
        grades: (N,) true grades, -1 where missing.
        units: (N,) the number of each photo's subject, or its own where that is not known.
    """
    graded = grades != MISSING
    sets, grades, units = sets[graded], grades[graded], units[graded]
    size = sets.sum(axis=1)  # (n,)
    held = sets[np.arange(len(sets)), grades]  # (n,)
    return Coverage(
        subjects=len(np.unique(units)),
        photos=len(sets),
        covered=mean_over_subjects(held, units),
        size=mean_over_subjects(size, units),
        full=mean_over_subjects(size == sets.shape[1], units),
        by_grade=np.array([_mean_where(grades == grade, held, units) for grade in range(sets.shape[1])]),
    )


def _mean_where(mask: np.ndarray, values: np.ndarray, units: np.ndarray) -> float:
    return mean_over_subjects(values[mask], units[mask])
