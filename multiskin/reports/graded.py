"""Reads a run's table of predictions on graded photos."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from multiskin.data.units import unit_names
from multiskin.errors import UserError
from multiskin.metrics.bootstrap import resampled_confusions, sampling_units
from multiskin.run import RunFolder
from multiskin.schema import MISSING, Schema


@dataclass(frozen=True)
class GradedPredictions:
    """N photos (or persons) with true and predicted grades for H heads.

    Attributes:
        schema: the heads.
        table: the N rows of the file as text, "" where a cell is empty.
        grades: (N, H) int64, -1 where missing.
        decisions: (N, H) int64, the predicted grades, -1 where no photo of a person shows the attribute.
    """

    schema: Schema
    table: pd.DataFrame
    grades: np.ndarray
    decisions: np.ndarray

    @classmethod
    def load(cls, path: Path, schema: Schema, named_by: Sequence[str] = ("row", "image")) -> "GradedPredictions":
        """Reads a table of predictions.

        Args:
            path: the file.
            schema: the heads.
            named_by: the columns that identify a row: those of a photo or of a person.

        Raises:
            UserError: the file is damaged, or belongs to another schema.
        """
        try:
            table = read_text_table(path)
            grades, decisions = true_grades(table, schema), _grades(table[list(schema.names)])
            _check(table, grades, decisions, schema, named_by)
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{path}: not predictions for this run's schema; measure again") from error
        return cls(schema, table, grades, decisions)

    @classmethod
    def of_run(cls, run: RunFolder, side: str) -> "GradedPredictions":
        """Reads a run's predictions on one split, test or val.

        Raises:
            UserError: that split has not been evaluated yet, or a file of the run is damaged.
        """
        path = run.predictions(side)
        if not path.is_file():
            command = "test" if side == "test" else "validate"
            raise UserError(f"{run.root}: no predictions on {side} photos; run 'multiskin {command} {run.root}' first")
        return cls.load(path, Schema.load(run.schema))

    def __len__(self) -> int:
        return len(self.table)

    def select(self, lines: np.ndarray) -> "GradedPredictions":
        """The rows where a mask (N,) is true."""
        return GradedPredictions(self.schema, self.table[lines], self.grades[lines], self.decisions[lines])

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(N, H, Kmax), 0 beyond a head's own K, NaN where there is no prediction."""
        found = np.zeros((len(self), len(self.schema), self.schema.max_grades))
        for h, attribute in enumerate(self.schema):
            columns = attribute.probability_columns
            found[:, h, : attribute.grades] = self.table[columns].replace("", "nan").to_numpy(dtype=float)
        return found

    @cached_property
    def subjects(self) -> int:
        """The number of known subjects."""
        return self.table["subject"].replace("", None).nunique() if "subject" in self.table else 0

    @property
    def photos_without_subject(self) -> int:
        """The number of photos of unknown subjects; all parts of a photo count as one."""
        return len(np.unique(self.units)) - self.subjects

    @cached_property
    def units(self) -> np.ndarray:
        """(N,) int, the resampling unit of each row: bootstrap samples draw all rows of a unit together."""
        unnamed = [""] * len(self)
        subjects, images = (self.table.get(column, unnamed) for column in ("subject", "image"))
        return sampling_units(unit_names(subjects, images))

    @cached_property
    def confusions(self) -> list[Tensor]:
        """Each head's confusion matrices (1 + R, K, K): of all rows, and of R bootstrap resamples."""
        every = resampled_confusions(self.grades, self.decisions, self.units, self.schema.max_grades)
        return [every[:, h, : head.grades, : head.grades] for h, head in enumerate(self.schema)]


def read_text_table(path: Path) -> pd.DataFrame:
    """A CSV file with every cell as text, unparsed: a name may be 007 or NA."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def true_grades(table: pd.DataFrame, schema: Schema) -> np.ndarray:
    """(N, H) int64 from the columns of true grades, -1 where blank."""
    return _grades(table[[attribute.true_column for attribute in schema]])


def _grades(columns: pd.DataFrame) -> np.ndarray:
    return columns.replace("", str(MISSING)).to_numpy(dtype=np.int64)


def _check(
    table: pd.DataFrame, grades: np.ndarray, decisions: np.ndarray, schema: Schema, named_by: Sequence[str]
) -> None:
    highest = np.array([attribute.grades - 1 for attribute in schema])
    if (
        not len(grades)
        or (grades > highest).any()
        or (decisions > highest).any()
        or (decisions < grades.clip(max=0)).any()
    ):
        raise ValueError("no row, or a grade that the schema does not have")
    expected = {*named_by, *(column for attribute in schema for column in attribute.prediction_columns)}
    if lacking := expected.difference(table.columns):
        raise ValueError(f"no column {min(lacking)}")
