"""The manifest: a table of photos and partial grades, checked so that later code can rely on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from multiskin.config import DataConfig
from multiskin.data.boxes import name_parts
from multiskin.data.table import Problem, Table, read_table
from multiskin.data.units import unit_names
from multiskin.data.validation import (
    Progress,
    check_columns,
    check_photos,
    check_subjects,
    photo_path,
    read_grades,
    read_split,
)
from multiskin.errors import UserError
from multiskin.metrics.bootstrap import sampling_units
from multiskin.schema import MISSING, Schema

LISTED = 50  # most problems in one message; ManifestError.problems has them all


class ManifestError(UserError):
    """A table that cannot be used; `problems` holds everything that is wrong with it."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


@dataclass(frozen=True, eq=False)
class Manifest:
    """N photos with their grades for H attributes.

    Attributes:
        schema: the attributes.
        root: the folder that relative paths start from.
        paths: (N,) str, as in the table, relative to root unless absolute; followed by the position of the part where a
            row is about one (see crops).
        grades: (N, H) int64, -1 where not graded.
        rows: (N,) int64, row numbers of the table, as a spreadsheet counts them.
        split: (N,) of train, val, test and calibrate; None where the table has none.
        subject: (N,) str, "" where unknown; None where the table has none.
        part: (N,) str, "" where unknown; None where the table has none.
        groups: (N, G) text, one column per group, "" where unknown.
        second_grades: (N, H) int64, a second rater's grades, -1 where not graded; None where the table has none.
    """

    schema: Schema
    root: Path
    paths: np.ndarray
    grades: np.ndarray
    rows: np.ndarray
    split: np.ndarray | None
    subject: np.ndarray | None
    part: np.ndarray | None
    groups: pd.DataFrame
    second_grades: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def units(self) -> np.ndarray:
        """(N,) int64, the resampling unit of each photo: its subject or, if unknown, the photo itself."""
        return sampling_units(unit_names(self.subject, self.paths))

    def path(self, index: int) -> Path:
        return photo_path(self.root, self.paths[index])

    def describe(self, indices: Sequence[int]) -> str:
        """Names photos by their rows and paths."""
        return ", ".join(f"row {self.rows[index]} {self.paths[index]}" for index in indices)

    def select(self, indices: np.ndarray) -> "Manifest":
        """The photos at these positions, or where a mask is true."""

        def of(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[indices]

        return replace(
            self,
            paths=self.paths[indices],
            grades=self.grades[indices],
            rows=self.rows[indices],
            split=of(self.split),
            subject=of(self.subject),
            part=of(self.part),
            groups=self.groups.iloc[indices].reset_index(drop=True),
            second_grades=of(self.second_grades),
        )

    def grade_counts(self, indices: np.ndarray | None = None) -> list[np.ndarray]:
        """How many photos have each grade, (K,) for every attribute."""
        grades = self.grades if indices is None else self.grades[indices]
        return [
            np.bincount(column[column != MISSING], minlength=attribute.grades)
            for column, attribute in zip(grades.T, self.schema, strict=True)
        ]

    def graded_parts(self) -> dict[str, tuple[str, ...]]:
        """The parts that each attribute is graded on, by name; omitted if the part of a graded photo is unknown."""
        if self.part is None:
            return {}
        parts = {
            name: sorted(set(self.part[column != MISSING].tolist()))
            for name, column in zip(self.schema.names, self.grades.T, strict=True)
        }
        return {name: tuple(known) for name, known in parts.items() if known and "" not in known}


def load_manifest(
    config: DataConfig, schema: Schema, progress: Progress | None = None
) -> tuple[Manifest, list[Problem]]:
    """Reads and checks the table, and decodes every photo once.

    Args:
        config: the path of the table and the roles of its columns.
        schema: the graded attributes.
        progress: called with (photos checked, photos) after each.

    Returns:
        The manifest, and the problems of the rows that were left out; none unless `config.on_bad_row` is skip.

    Raises:
        UserError: a table that does not exist or cannot be read.
        ManifestError: all problems at once; with on_bad_row skip, only those of the whole table, or if no row is left.
    """
    path = Path(config.root) / config.manifest
    table = read_table(path, "data.manifest", f"correct it or data.root, {config.root}")
    problems = _problems(table, config, schema, progress)
    general = [problem for problem in problems if problem.row is None]
    fatal = problems if config.on_bad_row == "error" else general
    if fatal:
        remedy = "" if general else ", or set data.on_bad_row: skip to leave these rows out"
        raise ManifestError(_report(f"correct the table{remedy}", path, fatal), fatal)
    good = table.cells[~table.cells.index.isin([problem.row for problem in problems])]
    if good.empty:
        raise ManifestError(_report("no row is left; correct the table", path, problems), problems)
    return _manifest(good, config, schema), problems


def _problems(table: Table, config: DataConfig, schema: Schema, progress: Progress | None) -> list[Problem]:
    """Everything wrong with a table: first problems of the whole table, then those of rows."""
    cells, columns = table.cells, config.columns
    problems = table.problems + check_columns(list(cells.columns), schema, columns)
    if cells.empty:
        problems.append(Problem("no complete row below the headings; give one for each photo"))
    grades, of_grades = read_grades(cells, schema)
    problems += of_grades
    if columns.second_rater is not None:
        problems += read_grades(cells, schema, columns.second_rater)[1]
    if columns.split is not None and columns.split in cells:
        split, of_split = read_split(cells, columns.split)
        problems += of_split
        if columns.subject is not None and columns.subject in cells:
            problems += check_subjects(cells, columns.subject, split)
    if columns.image in cells:
        cells, of_boxes = name_parts(cells, columns.image, columns.box)
        problems += of_boxes + check_photos(cells, columns.image, Path(config.root), grades, progress)
    return sorted(problems, key=lambda problem: problem.row or 0)


def _manifest(cells: pd.DataFrame, config: DataConfig, schema: Schema) -> Manifest:
    """The manifest of the rows without problems."""

    def column(heading: str | None) -> np.ndarray | None:
        return None if heading is None else cells[heading].to_numpy()

    columns = config.columns
    return Manifest(
        schema,
        Path(config.root),
        paths=name_parts(cells, columns.image, columns.box)[0][columns.image].to_numpy(),
        grades=read_grades(cells, schema)[0],
        rows=cells.index.to_numpy(copy=True),
        split=None if columns.split is None else read_split(cells, columns.split)[0],
        subject=column(columns.subject),
        part=column(columns.part),
        groups=cells[list(dict.fromkeys(columns.groups))].reset_index(drop=True),
        second_grades=None if columns.second_rater is None else read_grades(cells, schema, columns.second_rater)[0],
    )


def _report(remedy: str, path: Path, problems: list[Problem]) -> str:
    count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
    lines = [f"{path}: {count}; {remedy}", *(f"{path}: {problem}" for problem in problems[:LISTED])]
    if len(problems) > LISTED:
        lines.append(f"... and {len(problems) - LISTED} more")
    return "\n".join(lines)


def check_training_grades(train: Manifest) -> list[Problem]:
    """Finds grades that cannot be learned because no training photo has them.

    Returns:
        A warning for each attribute some of whose grades never occur.

    Raises:
        UserError: an attribute for which no training photo is graded.
    """
    counts = train.grade_counts()
    ungraded = [attribute.name for attribute, count in zip(train.schema, counts, strict=True) if not count.any()]
    if ungraded:
        raise UserError(
            f"no training photo is graded for {', '.join(ungraded)}; "
            "grade some, change the split, or remove the attribute from the schema"
        )
    return [
        Problem(
            f"no training photo has grade {', '.join(map(str, np.flatnonzero(count == 0)))}, so it cannot be learned",
            column=attribute.heading,
        )
        for attribute, count in zip(train.schema, counts, strict=True)
        if not count.all()
    ]
