"""Two runs' predictions on the photos that both have: how their true grades differ, and what became of each photo."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from multiskin.compare.answers import Answers, Pair
from multiskin.errors import UserError
from multiskin.reports.graded import GradedPredictions
from multiskin.run import RunFolder
from multiskin.schema import MISSING, Attribute, Schema

Judge = Literal["first", "second"]  # the run by whose true grades both are judged
JUDGES: tuple[Judge, ...] = get_args(Judge)


class Regraded(NamedTuple):
    """Photos of both runs that are not graded alike for one head.

    Attributes:
        changed: have another true grade in the second run.
        added: have one in the second run alone.
        removed: have one in the first run alone.
    """

    changed: int
    added: int
    removed: int


@dataclass(frozen=True, eq=False)
class PairedRuns:
    """What two runs predict of N photos, in the same order.

    Attributes:
        first: the one run's predictions.
        second: the other one's.
        judge: by whose true grades both are judged.
        only_first: how many rows the first run has beside these.
        only_second: likewise, the second.
    """

    first: GradedPredictions
    second: GradedPredictions
    judge: Judge
    only_first: int
    only_second: int

    @classmethod
    def of(cls, first: RunFolder, second: RunFolder, side: str, judge: Judge) -> "PairedRuns":
        """Pairs the rows of one side of the split by the photo, or part of one, that they are about.

        Args:
            first: a finished run.
            second: another one.
            side: test or val.
            judge: by whose true grades both are judged.

        Raises:
            UserError: one run given twice, a side that is not measured, other schemas, a photo that stands twice, or no
                photo that both have.
        """
        if first.root.resolve() == second.root.resolve():
            raise UserError(f"{second.root}: given twice; name the run to set against it first, and then this one")
        before, now = (GradedPredictions.of_run(run, side) for run in (first, second))
        _require_same_schema(before.schema, now.schema, second.schema, first.schema)
        of_first, of_second = _names(before, first.predictions(side)), _names(now, second.predictions(side))
        both = of_second[of_second.isin(of_first)]
        if both.empty:
            raise UserError(
                f"{second.predictions(side)}: no photo of {first.predictions(side)} by its name; measure both runs on "
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
        """(N, H) the true grades that both are judged by, -1 where missing."""
        return self.first.grades if self.judge == "first" else self.second.grades

    @property
    def subjects(self) -> np.ndarray:
        """(N,) str, as the second run has them, or else the first; "" where unknown to both."""
        first, second = (_subjects(of.table) for of in (self.first, self.second))
        return np.where(second == "", first, second)

    def regraded(self) -> dict[str, Regraded]:
        """By attribute, of those for which any photo is."""
        before, now = self.first.grades, self.second.grades
        kinds = (
            (before != now) & (before != MISSING) & (now != MISSING),
            (before == MISSING) & (now != MISSING),
            (before != MISSING) & (now == MISSING),
        )
        counts = zip(self.schema.names, *(kind.sum(axis=0).tolist() for kind in kinds), strict=True)
        return {name: Regraded(*numbers) for name, *numbers in counts if any(numbers)}

    def pairs(self) -> list[Pair]:
        """The second run as the candidate against the first as the baseline, a pair for each head."""
        images = self.second.table["image"].to_numpy(str)
        pairs = []
        for h, attribute in enumerate(self.schema):
            graded = self.grades[:, h] != MISSING
            sides = (_answers(of, h, graded) for of in (self.second, self.first))
            pairs.append(Pair(attribute, images[graded], self.subjects[graded], self.grades[graded, h], *sides))
        return pairs

    def changes(self) -> pd.DataFrame:
        """Every answer that is nearer to the true grade in one run than in the other, those that got worst first.

        Returns:
            attribute, image, subject, true, first, second, change: a line for each, grades in words; change is mended
            or broken where one run is right, else nearer or further, of ordered grades alone.
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
    """Both have the same heads, in whatever order; other words for them are of no account."""
    before, now = ({each.name: (each.kind, each.grades, each.grade_names) for each in of} for of in (first, second))
    differing = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
    if differing:
        raise UserError(
            f"{path}: {differing[0]} is not graded as in {of_first}; a run can be set against one that grades the same "
            "attributes, each with the same grades"
        )


def _names(predictions: GradedPredictions, path: Path) -> pd.Index:
    """What each line is about, by its path in the table and its part's place there."""
    names = pd.Index(predictions.table["image"])
    if names.has_duplicates:
        raise UserError(f"{path}: photo {names[names.duplicated()][0]} stands twice; measure again")
    return names


def _lines(predictions: GradedPredictions, lines: np.ndarray, schema: Schema) -> GradedPredictions:
    """The lines at these positions, with the heads in the order of a schema that has the same ones."""
    cells = np.ix_(lines, np.array([predictions.schema.index(name) for name in schema.names]))
    table = predictions.table.iloc[lines].reset_index(drop=True)
    return GradedPredictions(schema, table, predictions.grades[cells], predictions.decisions[cells])


def _subjects(table: pd.DataFrame) -> np.ndarray:
    return table["subject"].to_numpy(str) if "subject" in table else np.full(len(table), "")


def _answers(predictions: GradedPredictions, head: int, graded: np.ndarray) -> Answers:
    k = predictions.schema.attributes[head].grades
    return Answers(predictions.decisions[None, graded, head], predictions.probabilities[None, graded, head, :k])


def _error(attribute: Attribute, decided: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(N,) how far off a grade is; of nominal ones, whether it is another."""
    distance = np.abs(decided - true)
    return distance if attribute.ordinal else np.minimum(distance, 1)


def _change(before: int, now: int) -> str:
    if not now:
        return "mended"
    if not before:
        return "broken"
    return "nearer" if now < before else "further"
