"""Paired predictions of a candidate and a baseline on the graded photos of an attribute, read from their tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from multiskin.data.units import unit_names
from multiskin.errors import UserError
from multiskin.schema import Attribute

FACTS = {"true": "true grade", "subject": "subject"}  # properties of a photo, the same in every table


class Predictions(NamedTuple):
    """The predictions of the S models of one side, one per seed, on N photos.

    Attributes:
        predicted: (S, N) int64 grades.
        probabilities: (S, N, K) float64.
    """

    predicted: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True, eq=False)
class Pair:
    """The predictions of a candidate and a baseline on the same N photos, all graded for one attribute; N may be 0.

    Attributes:
        attribute: what is graded.
        images: (N,) str, without duplicates.
        subjects: (N,) str, "" where unknown.
        true: (N,) int64 true grades.
        candidate: its predictions.
        baseline: its predictions, with as many seeds.
    """

    attribute: Attribute
    images: np.ndarray
    subjects: np.ndarray
    true: np.ndarray
    candidate: Predictions
    baseline: Predictions

    @property
    def seeds(self) -> int:
        return len(self.candidate.predicted)

    @property
    def units(self) -> np.ndarray:
        """(N,) str: the unit that each photo is resampled with, its subject, or the photo itself if that is unknown."""
        return np.array(unit_names(self.subjects, self.images), dtype=str)


def read_pair(attribute: Attribute, candidate: Sequence[Path], baseline: Sequence[Path]) -> Pair:
    """Reads the tables of predictions of two sides, one table per seed, with the seeds in the same order on both.

    Rows that are not graded for the attribute are left out; the order of rows does not matter.

    Raises:
        UserError: a table that is given twice, missing or unreadable, unequal numbers of seeds, or tables that differ
            in photos, subjects or true grades.
    """
    paths = [*candidate, *baseline]
    if len(candidate) != len(baseline):
        raise UserError(
            f"{attribute.name}: {len(candidate)} candidate runs and {len(baseline)} baseline runs; give one of each "
            "for every seed"
        )
    for path in paths:
        if paths.count(path) > 1:
            raise UserError(f"{path}: given twice; give each run once")
    tables = [_read(path, attribute) for path in paths]
    for path, table in zip(paths[1:], tables[1:], strict=True):
        _require_same(tables[0], table, paths[0], path)
    facts = tables[0]
    return Pair(
        attribute,
        images=facts.index.to_numpy(str),
        subjects=facts["subject"].to_numpy(str),
        true=facts["true"].to_numpy(np.int64, copy=True),  # pandas returns a read-only view, torch warns of those
        candidate=_predictions(tables[: len(candidate)], attribute),
        baseline=_predictions(tables[len(candidate) :], attribute),
    )


def _read(path: Path, attribute: Attribute) -> pd.DataFrame:
    """The graded rows, sorted by image, with the facts, the predicted grade and the grade probabilities."""
    columns = [attribute.true_column, attribute.name, *attribute.probability_columns]
    wanted, names = {"image", "subject", *columns}, {attribute.true_column: "true", attribute.name: "predicted"}
    try:
        text = pd.read_csv(path, dtype=str, keep_default_na=False, usecols=lambda column: column in wanted)
        text = text[text[attribute.true_column] != ""].set_index("image").sort_index()
        table = text[columns].apply(pd.to_numeric, errors="coerce").rename(columns=names)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; the run has not finished, so start it again to resume it") from error
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not predictions of {attribute.name} on graded photos; measure again") from error
    _check(table, path, attribute)
    return table.assign(subject=text.get("subject", "")).astype({"true": np.int64, "predicted": np.int64})


def _check(table: pd.DataFrame, path: Path, attribute: Attribute) -> None:
    twice = table.index[table.index.duplicated()]
    if len(twice):
        raise UserError(f"{path}: photo {twice[0]} appears twice; measure again")
    valid = table[["true", "predicted"]].isin(range(attribute.grades)).all(axis=1)
    valid &= table[attribute.probability_columns].ge(0).all(axis=1)  # false for NaN
    if not valid.all():
        raise UserError(
            f"{path}: photo {table.index[~valid][0]}: {attribute.name} needs grades in 0..{attribute.grades - 1} and "
            "their probabilities; measure again"
        )


def _require_same(first: pd.DataFrame, other: pd.DataFrame, first_path: Path, path: Path) -> None:
    for here, there, has, lacks in ((other, first, path, first_path), (first, other, first_path, path)):
        extra = here.index.difference(there.index)
        if len(extra):
            message = f"{lacks}: photo {extra[0]} is not graded here, but it is in {has}"
            raise UserError(f"{message}; measure both again, on one table")  # either may have been truncated
    for fact, words in FACTS.items():
        differs = first[fact] != other[fact]
        if differs.any():
            photo = first.index[differs][0]
            known, found = (str(table.at[photo, fact]) or "blank" for table in (first, other))
            raise UserError(
                f"{path}: photo {photo}: {words} is {found}, but {known} in {first_path}; measure both on one table"
            )


def _predictions(tables: Sequence[pd.DataFrame], attribute: Attribute) -> Predictions:
    return Predictions(
        predicted=np.stack([table["predicted"].to_numpy() for table in tables]),
        probabilities=np.stack([table[attribute.probability_columns].to_numpy(float) for table in tables]),
    )
