"""Evaluates prediction sets on graded photos: how often they contain the true grade, and how large they are."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import betaincinv

from multiskin.conformal.prediction import ALL, GRADE, ConformalSets, Groups, cells
from multiskin.conformal.quantile import mean_over_subjects
from multiskin.metrics.bootstrap import LIMITS, Interval
from multiskin.schema import MISSING


class Coverage(NamedTuple):
    """Coverage and size of prediction sets: means over the photos of each subject, averaged over subjects.

    NaN without photos.

    Attributes:
        subjects: how many subjects have graded photos.
        photos: how many photos are graded.
        covered: the share of sets that contain the true grade.
        size: the mean number of grades in a set.
        full: the share of sets that contain all grades.
        by_grade: (K,) the share of sets that contain the true grade, by true grade.
    """

    subjects: int
    photos: int
    covered: float
    size: float
    full: float
    by_grade: np.ndarray

    @property
    def interval(self) -> Interval:
        """The coverage with its 95 % interval over subjects (Clopper and Pearson, Biometrika 26, 1934).

        A subject counts with the share of its photos that are covered. Such shares vary less than the hits and misses
        that the interval assumes, so it tends to be too wide where subjects have several photos.
        """
        return Interval(self.covered, *clopper_pearson(self.covered * self.subjects, self.subjects))

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for JSON, with None for NaN."""
        shares = {"covered": self.covered, "low": self.interval.low, "high": self.interval.high, "size": self.size}
        known = {name: None if np.isnan(value) else value for name, value in (shares | {"full": self.full}).items()}
        return {"subjects": self.subjects, "photos": self.photos, **known}


class HeadCoverage(NamedTuple):
    """The coverage of the sets of one head.

    Attributes:
        overall: on all photos.
        cells: for each grade or group value with its own threshold, if any; kept apart from the overall coverage, since
            a group value may have any name.
    """

    overall: Coverage
    cells: dict[str, Coverage]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for JSON."""
        cells = {cell: coverage.to_dict() for cell, coverage in self.cells.items()}
        return {ALL: self.overall.to_dict(), "cells": cells}


def clopper_pearson(hits: float, tries: int) -> tuple[float, float]:
    """The 95 % confidence interval of a proportion, given the hits and tries; NaN without tries."""
    if not tries:
        return np.nan, np.nan
    below, above = (limit / 100 for limit in LIMITS)
    misses = max(tries - hits, 0.0)  # rounding can make it negative
    low = betaincinv(hits, misses + 1, below) if hits > 0 else 0.0
    high = betaincinv(hits + 1, misses, above) if misses > 0 else 1.0
    return float(low), float(high)


def coverage_of(sets: np.ndarray, grades: np.ndarray, units: np.ndarray) -> Coverage:
    """Evaluates the sets of one head, ignoring photos without a grade.

    Args:
        sets: (N, K) masks.
        grades: (N,) true grades, -1 where missing.
        units: (N,) the index of each photo's subject, or an index of its own if the subject is unknown.
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
    """The coverage of each head's sets on all photos, and for each grade or group value with its own threshold.

    Args:
        conformal: what made the sets.
        sets: (N, H, Kmax) masks.
        grades: (N, H) true grades, -1 where missing.
        units: (N,) the index of each photo's subject, or an index of its own if the subject is unknown.
        groups: the known groups of the photos; if the sets' own group is not among them, only overall coverage.

    Returns:
        By attribute name.
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
