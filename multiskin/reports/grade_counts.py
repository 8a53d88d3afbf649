"""How many photos of a run have each grade, or none: by attribute, split, part and group."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from multiskin.data.validation import SIDES
from multiskin.reports.graded import GradedPredictions, true_grades
from multiskin.reports.results import group_values
from multiskin.schema import MISSING, Attribute, Schema

SIDE_TITLES = {"train": "training", "val": "validation", "test": "test", "calibrate": "calibration"}


class Side(NamedTuple):
    """One split: training, validation, test or calibration."""

    title: str
    photos: int
    subjects: int | None  # None where no subjects are known


class Slice(NamedTuple):
    """A subset of the photos, and how many of them have each grade of one head."""

    title: str
    photos: int
    counts: list[int]

    @property
    def graded(self) -> int:
        return sum(self.counts)

    @property
    def missing(self) -> float:
        """The share of photos without a grade."""
        return 1 - self.graded / self.photos


class HeadCounts(NamedTuple):
    """How one head's grades are distributed, by column: the split, the part and each group."""

    attribute: Attribute
    slices: dict[str, list[Slice]]


def sides(split: pd.DataFrame) -> dict[str, Side]:
    """The splits that have photos, by name."""
    found = {}
    for name in SIDES:
        lines = split[split["split"] == name]
        if len(lines):
            subjects = lines["subject"].replace("", None).nunique() if "subject" in split else 0
            found[name] = Side(SIDE_TITLES[name], len(lines), subjects or None)
    return found


def graded_table(split: pd.DataFrame, measured: Mapping[str, GradedPredictions], schema: Schema) -> pd.DataFrame:
    """The photos whose grades the run folder holds: all if split.csv has the grades, else those evaluated."""
    if all(attribute.true_column in split for attribute in schema):
        return split
    return pd.concat([predictions.table.assign(split=side) for side, predictions in measured.items()])


def head_counts(table: pd.DataFrame, schema: Schema, columns: Sequence[str]) -> list[HeadCounts]:
    """Every head's grades by split and by those of the other columns that the table has."""
    grades = true_grades(table, schema)
    masks: dict[str, dict[str, np.ndarray]] = {
        "split": {SIDE_TITLES[side]: mask for side in SIDES if (mask := (table["split"] == side).to_numpy()).any()}
    }
    for column in columns:
        if column in table:
            masks[column] = {value: (table[column] == value).to_numpy() for value in group_values(table[column])[0]}
    return [
        HeadCounts(
            attribute,
            {
                column: [_slice(title, grades[mask, h], attribute) for title, mask in by_value.items()]
                for column, by_value in masks.items()
            },
        )
        for h, attribute in enumerate(schema)
    ]


def _slice(title: str, grades: np.ndarray, attribute: Attribute) -> Slice:
    return Slice(title, len(grades), np.bincount(grades[grades != MISSING], minlength=attribute.grades).tolist())
