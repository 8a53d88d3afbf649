"""What sets of one head are worth on graded photos: how often they hold the true grade, and how wide they are."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import betaincinv

from multiskin.conformal.prediction import ALL, GRADE, ConformalSets, Groups, cells
from multiskin.conformal.quantile import mean_over_subjects
from multiskin.metrics.bootstrap import LIMITS, Interval
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

    @property
    def interval(self) -> Interval:
        """The share covered with its 95 % interval, over the subjects (Clopper and Pearson, Biometrika 26, 1934).

        A subject of whom some photos are covered counts as that share of one. Such shares vary less than the hits and
        misses that the interval is made for, so that it is rather too wide where subjects have several photos.
        """
        return Interval(self.covered, *clopper_pearson(self.covered * self.subjects, self.subjects))

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for JSON; a value that does not exist is null."""
        shares = {"covered": self.covered, "low": self.interval.low, "high": self.interval.high, "size": self.size}
        known = {name: None if np.isnan(value) else value for name, value in (shares | {"full": self.full}).items()}
        return {"subjects": self.subjects, "photos": self.photos, **known}


class HeadCoverage(NamedTuple):
    """What the sets of one head are worth.

    Attributes:
        overall: on all photos.
        cells: by the grades or the values of the group that the promise is kept for, if it is for each; apart from the
            whole, for a value may have any name.
    """

    overall: Coverage
    cells: dict[str, Coverage]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for JSON."""
        cells = {cell: coverage.to_dict() for cell, coverage in self.cells.items()}
        return {ALL: self.overall.to_dict(), "cells": cells}


def clopper_pearson(hits: float, tries: int) -> tuple[float, float]:
    """The 95 % interval of a share that showed so many hits in so many tries; NaN for none."""
    if not tries:
        return np.nan, np.nan
    below, above = (limit / 100 for limit in LIMITS)
    misses = max(tries - hits, 0.0)  # which rounding may make less
    low = betaincinv(hits, misses + 1, below) if hits > 0 else 0.0
    high = betaincinv(hits + 1, misses, above) if misses > 0 else 1.0
    return float(low), float(high)


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


def coverage_by_cell(
    conformal: ConformalSets, sets: np.ndarray, grades: np.ndarray, units: np.ndarray, groups: Groups
) -> dict[str, HeadCoverage]:
    """What the sets of each head are worth on all photos, and by the grades or groups that the promise is kept for.

    Args:
        conformal: what made them.
        sets: (N, H, Kmax) masks.
        grades: (N, H) true grades, -1 where missing.
        units: (N,) the number of each photo's subject, or its own where that is not known.
        groups: what is known of the photos; a promise by a group of which nothing is known is judged as a whole.

    Returns:
        By attribute.
    """
    by = conformal.by if conformal.by in (GRADE, *groups) else None
    found: dict[str, HeadCoverage] = {}
    for h, attribute in enumerate(conformal.schema):
        own, true = sets[:, h, : attribute.grades], grades[:, h]
        masks = {} if by is None else cells(attribute, true, by, groups)
        by_cell = {cell: coverage_of(own[at], true[at], units[at]) for cell, at in masks.items()}
        found[attribute.name] = HeadCoverage(coverage_of(own, true, units), by_cell)
    return found


def _mean_where(mask: np.ndarray, values: np.ndarray, units: np.ndarray) -> float:
    return mean_over_subjects(values[mask], units[mask])
