"""Grades to leave out of training and validation: a list of photos and attributes, such as suspect labels."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from multiskin.data.manifest import Manifest
from multiskin.data.table import Problem, read_table
from multiskin.errors import UserError, unknown
from multiskin.schema import MISSING, Schema

LEARNED_FROM = ("train", "val")  # the sides that lose grades; those that measure a model keep theirs
REQUIRED = ("image", "attribute")
CHOICE = "exclude"  # the column that says which rows to leave out; without it, all
YES, NO = "yes", "no"


@dataclass(frozen=True, eq=False)
class Exclusions:
    """A list of grades not to learn from.

    Attributes:
        path: its file.
        cells: image and attribute of the rows to leave out, indexed by row number; a blank attribute means all.
    """

    path: Path
    cells: pd.DataFrame

    @classmethod
    def read(cls, path: str | Path, schema: Schema) -> "Exclusions":
        """Reads a table, CSV or Parquet, with columns image, attribute and optionally exclude: yes, no or blank.

        Raises:
            UserError: no such table, a missing or misspelt column, an unknown attribute, or not yes or no.
        """
        path, table = Path(path), read_table(path, "data.exclude")
        if table.problems:
            raise UserError(f"data.exclude {path}: {table.problems[0]}")
        for heading in map(str, table.cells):
            name = heading.lower()
            if heading != name in (*REQUIRED, CHOICE):  # as a column of notes it would have no effect
                raise UserError(f"data.exclude {path}: column {heading}: unknown; rename it to {name}")
        for heading in REQUIRED:
            if heading not in table.cells:
                raise UserError(
                    f"data.exclude {path}: no column {heading}; give the columns {' and '.join(REQUIRED)}, with a "
                    "blank attribute to leave out all grades of a photo"
                )
        attributes = table.cells["attribute"]
        _require_known(path, attributes[attributes != ""], schema.names)
        counts = _choices(path, table.cells[CHOICE]) if CHOICE in table.cells else slice(None)
        return cls(path, table.cells.loc[counts, list(REQUIRED)])

    def leave_out(self, manifest: Manifest, split: np.ndarray) -> tuple[Manifest, list[Problem]]:
        """The photos without the listed grades on the sides of LEARNED_FROM, and notices of how many were left out.

        Listed photos that are not in the manifest are reported: they were skipped, or are no longer in the table.

        Args:
            manifest: N photos.
            split: (N,) of train, val, test and calibrate.

        Raises:
            UserError: none of the listed photos is in the manifest.
        """
        there = self.cells["image"].isin(manifest.paths)
        if not there.any():
            _require_known(self.path, self.cells["image"], manifest.paths)
        listed = _marked(self.cells[there], manifest) & (manifest.grades != MISSING)  # (N, H)
        out = listed & np.isin(split, LEARNED_FROM)[:, None]
        kept = listed.sum() - out.sum()
        rest = (
            f"; {kept} grades of test and calibration photos are kept, since results would look too good without them"
            if kept
            else ""
        )
        notices = [Problem(f"data.exclude {self.path}: {out.sum()} grades are left out of training{rest}")]
        if not there.all():
            notices.append(self._absent(self.cells["image"][~there]))
        return replace(manifest, grades=np.where(out, MISSING, manifest.grades)), notices

    def _absent(self, images: pd.Series) -> Problem:
        return Problem(
            f"data.exclude {self.path}: {images.nunique()} of {self.cells['image'].nunique()} listed photos are not "
            f"among the photos used, the first in row {images.index[0]}: {images.iloc[0]}"
        )


def _marked(cells: pd.DataFrame, manifest: Manifest) -> np.ndarray:
    """Which grades (N, H) are listed; all listed photos must be in the manifest."""
    places = {path: index for index, path in enumerate(manifest.paths.tolist())}
    marked = np.zeros(manifest.grades.shape, dtype=bool)
    for image, attribute in cells.itertuples(index=False):
        marked[places[image], manifest.schema.index(attribute) if attribute else slice(None)] = True
    return marked


def _require_known(path: Path, column: pd.Series, known: Iterable[str]) -> None:
    """Makes sure that every cell is one of the known values; the error names the first other one and its row."""
    strange = column[~column.isin(list(known))]
    if len(strange):
        where = f"data.exclude {path}: row {strange.index[0]}, column {column.name}"
        raise unknown(str(column.name), strange.iloc[0], known, where)


def _choices(path: Path, column: pd.Series) -> pd.Series:
    """Which rows to leave out; blank means no."""
    words = column.str.lower().replace("", NO)
    _require_known(path, words, (YES, NO))
    return words == YES
