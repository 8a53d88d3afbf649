"""The sets of grades of all heads, with the coverage asked for, from graded photos that served nothing else."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from multiskin.conformal.quantile import conformal_quantile, require_coverage
from multiskin.conformal.scores import ORDERS, nonconformity
from multiskin.conformal.sets import filled
from multiskin.errors import UserError, unknown
from multiskin.schema import MISSING, Attribute, Schema

GRADE = "grade"  # asks for the coverage of each true grade
ALL = "all"  # the one cell where nothing finer is asked for

Groups = Mapping[str, Sequence[str] | np.ndarray]  # (N,) values by the name of a group, "" where unknown
NO_GROUPS: Groups = MappingProxyType({})


@dataclass(frozen=True)
class Threshold:
    """Up to which score a grade is in the set.

    Attributes:
        score: the highest one; infinite where the subjects are too few, so that every grade is in.
        subjects: how many it rests on.
        photos: likewise.
    """

    score: float
    subjects: int
    photos: int


@dataclass(frozen=True)
class ConformalSets:
    """What turns probabilities into sets of grades.

    Attributes:
        schema: the heads' attributes.
        coverage: the least share of sets that hold the true grade, averaged over subjects.
        by: None for one threshold a head; "grade" for one a true grade, so that rare ones are covered as often as
            frequent ones; or the name of a group for one for each of its values. Source of both: Vovk, Conditional
            validity of inductive conformal predictors, ACML 2012.
        thresholds: by attribute and cell, which is "all", the number of a grade, or the value of the group.
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
        """Finds the thresholds.

        Args:
            schema: the heads' attributes.
            probabilities: (N, H, Kmax), of photos that served neither training nor the choice of a checkpoint.
            grades: (N, H) true grades, -1 where missing.
            units: (N,) the number of each photo's subject, or its own where that is not known.
            coverage: the share asked for, above 0 and below 1.
            by: None, "grade" or the name of a group.
            groups: at least the one asked for; a photo whose value is unknown counts for none.

        Raises:
            UserError: another coverage.
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
        """The set of every head for every photo; where grades are ordered, an interval.

        A set always holds the mode. By grade it takes in what lies between its grades, too, which only adds coverage.

        Args:
            probabilities: (N, H, Kmax), of the kind that the thresholds were found with.
            groups: what is known of them; where the value of the group asked for is not, or "", its highest threshold
                counts, and a value that no threshold was found for gets every grade.

        Returns:
            (N, H, Kmax) bool, false beyond a head's own K.
        """
        sets = np.zeros(probabilities.shape, dtype=bool)
        for h, attribute in enumerate(self.schema):
            own = probabilities[:, h, : attribute.grades]
            inside = _scores(own, attribute) <= self._limits(attribute, groups)  # (N, K)
            sets[:, h, : attribute.grades] = filled(inside) if attribute.ordinal else inside
        return sets

    def for_group(self, value: str) -> "ConformalSets":
        """The sets of photos that all have one value of the group that the promise is kept for.

        Raises:
            UserError: it is kept for no group, or not for this value.
        """
        if self.by in (None, GRADE):
            raise UserError("--group: the model's sets are by no group; 'multiskin conform RUN --by NAME' finds such")
        known = sorted(set().union(*self.thresholds.values()))
        if value not in known:
            raise unknown(f"value of {self.by}", value, known, "--group")
        nothing = Threshold(math.inf, 0, 0)
        return replace(
            self, by=None, thresholds={name: {ALL: of.get(value, nothing)} for name, of in self.thresholds.items()}
        )

    def around(self, grades: np.ndarray, probabilities: np.ndarray, groups: Groups = NO_GROUPS) -> np.ndarray:
        """The sets (N, H, Kmax) with the grades (N, H) that were decided, which another decision may have left outside.

        They hold the true grade at least as often.
        """
        sets = self.sets(probabilities, groups) | (grades[..., None] == np.arange(probabilities.shape[-1]))
        ordered = np.array([attribute.ordinal for attribute in self.schema])
        return np.where(ordered[:, None], filled(sets), sets)

    def _limits(self, attribute: Attribute, groups: Groups) -> np.ndarray | float:
        """The highest score inside: one for all photos and grades, or one for each grade (K,) or photo (N, 1)."""
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
    """Which photos (N,) each threshold of a head is for: all of them, or those of a true grade, or of a group's value.

    Args:
        attribute: the head's.
        grades: (N,) true grades, -1 where missing.
        by: as in ConformalSets.
        groups: at least the one asked for.
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
