"""Grades that are corrected before a run learns from them: a list of photos with the grades that they should have."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from multiskin.data.exclusion import LEARNED_FROM
from multiskin.data.manifest import Manifest
from multiskin.data.table import Problem, read_table
from multiskin.data.validation import grade_spellings, read_grades
from multiskin.errors import UserError, unknown
from multiskin.schema import MISSING, Attribute, Schema

IMAGE = "image"
NONE = "none"  # takes a grade away; where a grade is called so, it is that grade


@dataclass(frozen=True, eq=False)
class Corrections:
    """A list of corrected grades.

    Attributes:
        path: its file.
        images: (n,) the photos, each once, by their number of the row in the file.
        grades: (n, H) int64, -1 where there is to be none.
        given: (n, H) which of these count; where a cell is blank the table's own grade stays.
    """

    path: Path
    images: pd.Series
    grades: np.ndarray
    given: np.ndarray

    @classmethod
    def read(cls, path: str | Path, schema: Schema) -> "Corrections":
        """Reads a table, CSV or Parquet, with a column image and those of the attributes, by the table's headings.

        Raises:
            UserError: no such file, or not one; no column image, an unknown attribute, no grade of it, a photo twice.
        """
        path, table = Path(path), read_table(path)
        _require_columns(path, [str(heading) for heading in table.cells], schema)
        cells, drops = table.cells.copy(), np.zeros((len(table.cells), len(schema)), dtype=bool)
        for h, attribute in enumerate(schema):
            if attribute.heading in cells:
                drops[:, h] = _drops(cells[attribute.heading], attribute)
                cells.loc[drops[:, h], attribute.heading] = ""
        grades, bad = read_grades(cells, schema)
        for problem in [*table.problems, *bad]:
            raise UserError(f"data.relabel {path}: {problem}")
        twice = cells.loc[cells[IMAGE].duplicated(), IMAGE]
        if len(twice):
            row, image = next(twice.items())
            raise UserError(
                f"data.relabel {path}: row {row}, column {IMAGE}: {image} stands twice; keep one row a photo"
            )
        return cls(path, cells[IMAGE], grades, drops | (grades != MISSING))

    def correct(self, manifest: Manifest, split: np.ndarray) -> tuple[Manifest, list[Problem]]:
        """The photos with the listed grades, which photos to judge by do not take, and a notice of how many that are.

        Args:
            manifest: N photos.
            split: (N,) of train, val, test and calibrate.

        Raises:
            UserError: a listed photo is not among them.
        """
        places = pd.Index(manifest.paths).get_indexer(self.images)  # (n,)
        if (places < 0).any():
            absent = self.images[places < 0]
            where = f"data.relabel {self.path}: row {absent.index[0]}, column {IMAGE}"
            raise unknown(IMAGE, absent.iloc[0], manifest.paths, where)
        had = manifest.grades[places]  # (n, H)
        differing = self.given & (self.grades != had)
        learned = np.isin(split[places], LEARNED_FROM)[:, None]
        grades = manifest.grades.copy()
        grades[places] = np.where(differing & learned, self.grades, had)
        return replace(manifest, grades=grades), [self._notice(differing & learned, differing & ~learned)]

    def _notice(self, done: np.ndarray, left: np.ndarray) -> Problem:
        away = int((done & (self.grades == MISSING)).sum())
        told = f"data.relabel {self.path}: {done.sum() - away} grades are corrected, {away} are taken away"
        if left.any():
            told += (
                f"; {left.sum()} of photos to judge by stay: correct those in the table, and all runs are judged alike"
            )
        return Problem(told)


def _require_columns(path: Path, headings: list[str], schema: Schema) -> None:
    known = [attribute.heading for attribute in schema]
    if IMAGE not in headings:
        raise UserError(f"data.relabel {path}: no column {IMAGE}; give it, and a column for each attribute to correct")
    for heading in headings:
        if heading not in (IMAGE, *known):
            raise unknown("attribute", heading, known, f"data.relabel {path}")


def _drops(column: pd.Series, attribute: Attribute) -> np.ndarray:
    """(n,) which cells take a grade away."""
    means_a_grade = NONE in {name.lower() for name in grade_spellings(attribute)}
    return np.zeros(len(column), dtype=bool) if means_a_grade else (column.str.lower() == NONE).to_numpy()
