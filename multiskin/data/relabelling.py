"""Corrections of grades before training: a list of photos with the grades that they should have."""

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
NONE = "none"  # removes a grade, unless the attribute has a grade of that name


@dataclass(frozen=True, eq=False)
class Corrections:
    """A list of corrected grades.

    Attributes:
        path: its file.
        images: (n,) the photos, each once, indexed by row number.
        grades: (n, H) int64, -1 for no grade.
        given: (n, H) bool, false where the cell is blank and the grade in the table stays.
    """

    path: Path
    images: pd.Series
    grades: np.ndarray
    given: np.ndarray

    @classmethod
    def read(cls, path: str | Path, schema: Schema) -> "Corrections":
        """Reads a table, CSV or Parquet, with a column image and one for each attribute to correct.

        Raises:
            UserError: no such table, no column image, an unknown attribute or grade, or a photo that occurs twice.
        """
        path, table = Path(path), read_table(path, "data.relabel")
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
                f"data.relabel {path}: row {row}, column {IMAGE}: {image} occurs twice; keep one row per photo"
            )
        return cls(path, cells[IMAGE], grades, drops | (grades != MISSING))

    def correct(self, manifest: Manifest, split: np.ndarray) -> tuple[Manifest, list[Problem]]:
        """The photos with corrected grades on the sides of LEARNED_FROM, and a notice of how many were corrected.

        Args:
            manifest: N photos.
            split: (N,) of train, val, test and calibrate.

        Raises:
            UserError: a listed photo is not in the manifest.
        """
        places = pd.Index(manifest.paths).get_indexer(self.images)  # (n,)
        if (places < 0).any():
            absent = self.images[places < 0]
            where = f"data.relabel {self.path}: row {absent.index[0]}, column {IMAGE}"
            raise unknown(IMAGE, absent.iloc[0], manifest.paths, where)
        before = manifest.grades[places]  # (n, H)
        differing = self.given & (self.grades != before)
        learned = np.isin(split[places], LEARNED_FROM)[:, None]
        grades = manifest.grades.copy()
        grades[places] = np.where(differing & learned, self.grades, before)
        return replace(manifest, grades=grades), [self._notice(differing & learned, differing & ~learned)]

    def _notice(self, done: np.ndarray, left: np.ndarray) -> Problem:
        removed = int((done & (self.grades == MISSING)).sum())
        message = f"data.relabel {self.path}: {done.sum() - removed} grades are corrected, {removed} are removed"
        if left.any():
            message += (
                f"; {left.sum()} grades of test and calibration photos stay: correct them in the table, so that all "
                "runs are measured alike"
            )
        return Problem(message)


def _require_columns(path: Path, headings: list[str], schema: Schema) -> None:
    known = [attribute.heading for attribute in schema]
    if IMAGE not in headings:
        raise UserError(f"data.relabel {path}: no column {IMAGE}; add it, and a column for each attribute to correct")
    for heading in headings:
        if heading not in (IMAGE, *known):
            raise unknown("attribute", heading, known, f"data.relabel {path}")


def _drops(column: pd.Series, attribute: Attribute) -> np.ndarray:
    """(n,) which cells remove a grade."""
    means_a_grade = NONE in {name.lower() for name in grade_spellings(attribute)}
    return np.zeros(len(column), dtype=bool) if means_a_grade else (column.str.lower() == NONE).to_numpy()
