"""Prediction sets of all heads with a chosen coverage, fitted on graded photos used for nothing else."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from multiskin.conformal.quantile import conformal_quantile, require_coverage
from multiskin.conformal.scores import ORDERS, nonconformity
from multiskin.conformal.sets import fill_gaps
from multiskin.errors import UserError, unknown
from multiskin.schema import MISSING, Attribute, Schema

GRADE = "grade"  # the value of `by` that gives each true grade its own threshold
ALL = "all"  # the only cell if there is one threshold for all photos

Groups = Mapping[str, Sequence[str] | np.ndarray]  # (N,) values by group name, "" where unknown
NO_GROUPS: Groups = MappingProxyType({})


@dataclass(frozen=True)
class Threshold:
    """The highest score of a grade that is still in the set.

    Attributes:
        score: infinite if there are too few subjects, so that every grade is in the set.
        subjects: how many subjects it was fitted on.
        photos: how many photos it was fitted on.
    """

    score: float
    subjects: int
    photos: int


@dataclass(frozen=True)
class ConformalSets:
    """Fitted thresholds that turn probabilities into sets of grades.

    Attributes:
        schema: the heads' attributes.
        coverage: the minimum share of sets that contain the true grade, averaged over subjects.
        by: None for one threshold per head; "grade" for one per true grade, so that rare grades are covered as often as
            frequent ones; or the name of a group for one per group value. Source of both: Vovk, Conditional validity of
            inductive conformal predictors, ACML 2012.
        thresholds: by attribute name and cell, which is "all", the number of a grade, or a group value.
    """

    schema: Schema
    coverage: float
    by: str | None
    thresholds: Mapping[str, Mapping[str, Threshold]]

    @classmethod
    def fit(
        cls,
        schema: Schema,
        probabilities: np.ndarray,
        grades: np.ndarray,
        units: np.ndarray,
        coverage: float,
        by: str | None = None,
        groups: Groups = NO_GROUPS,
    ) -> "ConformalSets":
        """Fits the thresholds.

        Args:
            schema: the heads' attributes.
            probabilities: (N, H, Kmax), of photos used neither for training nor for choosing a checkpoint.
            grades: (N, H) true grades, -1 where missing.
            units: (N,) the index of each photo's subject, or an index of its own if the subject is unknown.
            coverage: the minimum share of sets that contain the true grade, between 0 and 1, both excluded.
            by: None, "grade" or the name of a group.
            groups: at least the group named by `by`; photos whose value is unknown are not used.

        Raises:
            UserError: coverage out of range.
        """
        require_coverage(coverage)
        thresholds = {}
        for h, attribute in enumerate(schema):
            graded = grades[:, h] != MISSING
            true = grades[graded, h]
            own = probabilities[graded, h, : attribute.grades]
            scores = _scores(own, attribute)[np.arange(len(true)), true]  # (n,)
            thresholds[attribute.name] = {
                cell: _threshold(scores[mask[graded]], units[graded & mask], coverage)
                for cell, mask in cells(attribute, grades[:, h], by, groups).items()
            }
        return cls(schema, coverage, by, thresholds)

    def sets(self, probabilities: np.ndarray, groups: Groups = NO_GROUPS) -> np.ndarray:
        """The set of every head for every photo; an interval if the grades are ordered.

        A set always contains the mode. With thresholds by grade, gaps between ordered grades are filled, which can only
        increase coverage.

        Args:
            probabilities: (N, H, Kmax), computed in the same way as those the thresholds were fitted on.
            groups: the known groups of the photos; if the value of the sets' group is unknown or "", the highest
                threshold applies, and for a value without a threshold the set contains every grade.

        Returns:
            (N, H, Kmax) bool, false beyond a head's own K.
        """
        sets = np.zeros(probabilities.shape, dtype=bool)
        for h, attribute in enumerate(self.schema):
            own = probabilities[:, h, : attribute.grades]
            inside = _scores(own, attribute) <= self._limits(attribute, groups)  # (N, K)
            sets[:, h, : attribute.grades] = fill_gaps(inside) if attribute.ordinal else inside
        return sets

    def for_group(self, value: str) -> "ConformalSets":
        """The thresholds for photos that all have the same value of the sets' group.

        Raises:
            UserError: the thresholds are not by group, or there is none for this value.
        """
        if self.by in (None, GRADE):
            raise UserError("--group: the model's sets are not by group; run: multiskin conform RUN --by NAME")
        known = sorted(set().union(*self.thresholds.values()))
        if value not in known:
            raise unknown(f"value of {self.by}", value, known, "--group")
        nothing = Threshold(math.inf, 0, 0)
        return replace(
            self, by=None, thresholds={name: {ALL: of.get(value, nothing)} for name, of in self.thresholds.items()}
        )

    def sets_with(self, grades: np.ndarray, probabilities: np.ndarray, groups: Groups = NO_GROUPS) -> np.ndarray:
        """The sets (N, H, Kmax) extended to contain the predicted grades (N, H), which need not be the modes.

        This can only increase coverage.
        """
        sets = self.sets(probabilities, groups) | (grades[..., None] == np.arange(probabilities.shape[-1]))
        ordered = np.array([attribute.ordinal for attribute in self.schema])
        return np.where(ordered[:, None], fill_gaps(sets), sets)

    def _limits(self, attribute: Attribute, groups: Groups) -> np.ndarray | float:
        """The highest score in the set: one for all photos and grades, or one per grade (K,) or per photo (N, 1)."""
        limits = {cell: threshold.score for cell, threshold in self.thresholds[attribute.name].items()}
        if self.by == GRADE:
            return np.array([limits[str(grade)] for grade in range(attribute.grades)])
        highest = max(limits.values(), default=math.inf)
        if self.by is None or self.by not in groups:
            return highest
        return np.array([limits.get(value, math.inf) if value else highest for value in groups[self.by]])[:, None]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for a checkpoint."""
        heads = {
            name: {cell: asdict(threshold) for cell, threshold in thresholds.items()}
            for name, thresholds in self.thresholds.items()
        }
        return {"coverage": self.coverage, "by": self.by, "heads": heads}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], schema: Schema) -> "ConformalSets":
        heads = {
            name: {cell: Threshold(**threshold) for cell, threshold in thresholds.items()}
            for name, thresholds in content["heads"].items()
        }
        return cls(schema, content["coverage"], content["by"], heads)


def cells(attribute: Attribute, grades: np.ndarray, by: str | None, groups: Groups) -> dict[str, np.ndarray]:
    """The masks (N,) of the photos that each threshold of a head is for: all, those of a true grade or a group value.

    Args:
        attribute: the head's.
        grades: (N,) true grades, -1 where missing.
        by: as in ConformalSets.
        groups: at least the group named by `by`.
    """
    if by is None:
        return {ALL: np.ones(len(grades), dtype=bool)}
    if by == GRADE:
        return {str(grade): grades == grade for grade in range(attribute.grades)}
    values = np.asarray(groups[by], dtype=object)
    return {value: values == value for value in sorted(set(values.tolist()) - {""})}


def _scores(probabilities: np.ndarray, attribute: Attribute) -> np.ndarray:
    """The score (N, K) of every grade of one head."""
    return nonconformity(probabilities, ORDERS[attribute.kind](probabilities))


def _threshold(scores: np.ndarray, units: np.ndarray, coverage: float) -> Threshold:
    return Threshold(conformal_quantile(scores, units, coverage), len(np.unique(units)), len(scores))
