"""Grades that are left out of training and validation: a list of photos and attributes, such as suspects."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from multiskin.data.manifest import Manifest
from multiskin.data.table import Problem, read_table
from multiskin.errors import UserError, unknown
from multiskin.schema import MISSING, Schema

LEARNED_FROM = ("train", "val")  # the sides that lose grades; what a model is judged by stays as it is
REQUIRED = ("image", "attribute")
CHOICE = "exclude"  # the column that says which rows count; without it all do
YES, NO = "yes", "no"


@dataclass(frozen=True, eq=False)
class Exclusions:
    """A list of grades that are not to be learned from.

    Attributes:
        path: its file.
        cells: image and attribute of the rows that count, by their number in the file; a blank attribute means all.
    """

    path: Path
    cells: pd.DataFrame

    @classmethod
    def read(cls, path: str | Path, schema: Schema) -> "Exclusions":
        """Reads a table, CSV or Parquet, with columns image, attribute and optionally exclude: yes, no or blank.

        Raises:
            UserError: no such file, or not one; a column that it lacks, an unknown attribute, another word.
        """
        path, table = Path(path), read_table(path)
        if table.problems:
            raise UserError(f"data.exclude {path}: {table.problems[0]}")
        for heading in REQUIRED:
            if heading not in table.cells:
                raise UserError(
                    f"data.exclude {path}: no column {heading}; a list of grades to leave out has "
                    f"{' and '.join(REQUIRED)}, the attribute blank where all grades of a photo are meant"
                )
        attributes = table.cells["attribute"]
        _require_known(path, attributes[attributes != ""], schema.names)
        counts = _choices(path, table.cells[CHOICE]) if CHOICE in table.cells else slice(None)
        return cls(path, table.cells.loc[counts, list(REQUIRED)])

    def leave_out(self, manifest: Manifest, split: np.ndarray) -> tuple[Manifest, list[Problem]]:
        """The photos without the listed grades, except on sides to judge by, and notices of how many were left out.

        A listed photo that is not among them has no grade to learn from: it was skipped, or is no longer in the table.

        Args:
            manifest: N photos.
            split: (N,) of train, val, test and calibrate.

        Raises:
            UserError: no listed photo is among them.
        """
        there = self.cells["image"].isin(manifest.paths)
        if not there.any():
            _require_known(self.path, self.cells["image"], manifest.paths)
        listed = _marked(self.cells[there], manifest) & (manifest.grades != MISSING)  # (N, H)
        out = listed & np.isin(split, LEARNED_FROM)[:, None]
        kept = listed.sum() - out.sum()
        rest = f"; {kept} of photos to judge by stay, or results would look better than they are" if kept else ""
        notices = [Problem(f"data.exclude {self.path}: {out.sum()} grades are not learned from{rest}")]
        if not there.all():
            notices.append(self._absent(self.cells["image"][~there]))
        return replace(manifest, grades=np.where(out, MISSING, manifest.grades)), notices

    def _absent(self, images: pd.Series) -> Problem:
        return Problem(
            f"data.exclude {self.path}: {images.nunique()} of {self.cells['image'].nunique()} listed photos are not "
            f"among the photos used, the first in row {images.index[0]}: {images.iloc[0]}"
        )


def _marked(cells: pd.DataFrame, manifest: Manifest) -> np.ndarray:
    """Which grades (N, H) are listed, for listed photos that are all in the table."""
    places = {path: index for index, path in enumerate(manifest.paths.tolist())}
    marked = np.zeros(manifest.grades.shape, dtype=bool)
    for image, attribute in cells.itertuples(index=False):
        marked[places[image], manifest.schema.index(attribute) if attribute else slice(None)] = True
    return marked


def _require_known(path: Path, column: pd.Series, known: Iterable[str]) -> None:
    """Makes sure that every cell is one of these; the error names the first that is not, and its place."""
    strange = column[~column.isin(list(known))]
    if len(strange):
        where = f"data.exclude {path}: row {strange.index[0]}, column {column.name}"
        raise unknown(str(column.name), strange.iloc[0], known, where)


def _choices(path: Path, column: pd.Series) -> pd.Series:
    """Which rows are to be left out; blank means no."""
    words = column.str.lower().replace("", NO)
    _require_known(path, words, (YES, NO))
    return words == YES
