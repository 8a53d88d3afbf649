"""Two runs' predictions on their common photos: where the true grades differ, and which predictions changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from multiskin.compare.answers import Pair, Predictions
from multiskin.errors import UserError
from multiskin.reports.graded import GradedPredictions
from multiskin.run import RunFolder
from multiskin.schema import MISSING, Attribute, Schema

Judge = Literal["first", "second"]  # the run whose true grades both are judged by
JUDGES: tuple[Judge, ...] = get_args(Judge)


class Regraded(NamedTuple):
    """How many photos have different true grades for one head in two runs.

    Attributes:
        changed: photos with another true grade in the second run.
        added: photos with a true grade only in the second run.
        removed: photos with a true grade only in the first run.
    """

    changed: int
    added: int
    removed: int


@dataclass(frozen=True, eq=False)
class PairedRuns:
    """Two runs' predictions on N photos, in the same order.

    Attributes:
        first: the first run's predictions.
        second: the second run's predictions.
        judge: the run whose true grades both are judged by.
        only_first: how many rows only the first run has.
        only_second: how many rows only the second run has.
    """

    first: GradedPredictions
    second: GradedPredictions
    judge: Judge
    only_first: int
    only_second: int

    @classmethod
    def of(cls, first: RunFolder, second: RunFolder, side: str, judge: Judge) -> "PairedRuns":
        """Pairs the rows of one split by the photo, or the part of one, that they are about.

        Args:
            first: a finished run.
            second: another finished run.
            side: the split, test or val.
            judge: the run whose true grades both are judged by.

        Raises:
            UserError: the same run given twice, a split that was not evaluated, different attributes, a photo listed
                twice, or no photo in common.
        """
        if first.root.resolve() == second.root.resolve():
            raise UserError(f"{second.root}: given twice; give two different runs, first the one to compare with")
        before, now = (GradedPredictions.of_run(run, side) for run in (first, second))
        _require_same_schema(before.schema, now.schema, second.schema, first.schema)
        of_first, of_second = _names(before, first.predictions(side)), _names(now, second.predictions(side))
        both = of_second[of_second.isin(of_first)]
        if both.empty:
            raise UserError(
                f"{second.predictions(side)}: has no photo of {first.predictions(side)}, by name; measure both runs on "
                "photos of the same table"
            )
        return cls(
            _lines(before, of_first.get_indexer(both), now.schema),
            _lines(now, of_second.get_indexer(both), now.schema),
            judge,
            len(of_first) - len(both),
            len(of_second) - len(both),
        )

    @property
    def schema(self) -> Schema:
        return self.second.schema

    @property
    def grades(self) -> np.ndarray:
        """(N, H) the true grades that both runs are judged by, -1 where missing."""
        return self.first.grades if self.judge == "first" else self.second.grades

    @property
    def subjects(self) -> np.ndarray:
        """(N,) str, the second run's subjects, else the first run's; "" where unknown to both."""
        first, second = (_subjects(of.table) for of in (self.first, self.second))
        return np.where(second == "", first, second)

    def regraded(self) -> dict[str, Regraded]:
        """The photos with different true grades, by attribute; without attributes that have none."""
        before, now = self.first.grades, self.second.grades
        kinds = (
            (before != now) & (before != MISSING) & (now != MISSING),
            (before == MISSING) & (now != MISSING),
            (before != MISSING) & (now == MISSING),
        )
        counts = zip(self.schema.names, *(kind.sum(axis=0).tolist() for kind in kinds), strict=True)
        return {name: Regraded(*numbers) for name, *numbers in counts if any(numbers)}

    def pairs(self) -> list[Pair]:
        """For each head, the second run as the candidate and the first as the baseline."""
        images = self.second.table["image"].to_numpy(str)
        pairs = []
        for h, attribute in enumerate(self.schema):
            graded = self.grades[:, h] != MISSING
            sides = (_answers(of, h, graded) for of in (self.second, self.first))
            pairs.append(Pair(attribute, images[graded], self.subjects[graded], self.grades[graded, h], *sides))
        return pairs

    def changes(self) -> pd.DataFrame:
        """Every prediction that is nearer to the true grade in one run than in the other, the worst changes first.

        Returns:
            attribute, image, subject, true, first, second, change: one row per prediction, grades as labels. change is
            "mended" if only the second run is right, "broken" if only the first is, else "nearer" or "further", for
            ordinal grades only.
        """
        lines = [line for head in range(len(self.schema)) for line in self._changes(head)]
        return pd.DataFrame(lines, columns=["attribute", "image", "subject", "true", "first", "second", "change"])

    def _changes(self, head: int) -> Iterator[list[Any]]:
        attribute, true = self.schema.attributes[head], self.grades[:, head]
        answers = [of.decisions[:, head] for of in (self.first, self.second)]
        before, now = (_error(attribute, decided, true) for decided in answers)
        changed = np.flatnonzero((before != now) & (true != MISSING))
        for line in changed[np.argsort((before - now)[changed], kind="stable")].tolist():
            words = (attribute.grade_label(int(of[line])) for of in (true, *answers))
            facts = (self.second.table["image"].iloc[line], self.subjects[line])
            yield [attribute.name, *facts, *words, _change(before[line], now[line])]


def _require_same_schema(first: Schema, second: Schema, path: Path, of_first: Path) -> None:
    """Makes sure that both schemas have the same heads, in any order; titles and translations may differ.

    Raises:
        UserError: they do not.
    """
    before, now = ({each.name: (each.kind, each.grades, each.grade_names) for each in of} for of in (first, second))
    differing = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
    if differing:
        raise UserError(
            f"{path}: {differing[0]} is not graded as in {of_first}; compare runs that grade the same attributes, each "
            "with the same grades"
        )


def _names(predictions: GradedPredictions, path: Path) -> pd.Index:
    """The name of each row's photo, or part of one: its path in the table, with the part's position."""
    names = pd.Index(predictions.table["image"])
    if names.has_duplicates:
        raise UserError(f"{path}: photo {names[names.duplicated()][0]} is listed twice; measure again")
    return names


def _lines(predictions: GradedPredictions, lines: np.ndarray, schema: Schema) -> GradedPredictions:
    """The rows at these positions, with the heads in the order of a schema that has the same heads."""
    cells = np.ix_(lines, np.array([predictions.schema.index(name) for name in schema.names]))
    table = predictions.table.iloc[lines].reset_index(drop=True)
    return GradedPredictions(schema, table, predictions.grades[cells], predictions.decisions[cells])


def _subjects(table: pd.DataFrame) -> np.ndarray:
    return table["subject"].to_numpy(str) if "subject" in table else np.full(len(table), "")


def _answers(predictions: GradedPredictions, head: int, graded: np.ndarray) -> Predictions:
    k = predictions.schema.attributes[head].grades
    return Predictions(predictions.decisions[None, graded, head], predictions.probabilities[None, graded, head, :k])


def _error(attribute: Attribute, decided: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(N,) the distance to the true grade; for nominal grades, 0 if right and 1 if wrong."""
    distance = np.abs(decided - true)
    return distance if attribute.ordinal else np.minimum(distance, 1)


def _change(before: int, now: int) -> str:
    if not now:
        return "mended"
    if not before:
        return "broken"
    return "nearer" if now < before else "further"
