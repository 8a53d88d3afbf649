"""All the photos of a run and the side of the split that each is on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from multiskin.config import Columns, DataConfig
from multiskin.data.crops import parted
from multiskin.data.exclusion import LEARNED_FROM, Exclusions
from multiskin.data.manifest import Manifest, check_training_grades, load_manifest
from multiskin.data.relabelling import Corrections
from multiskin.data.splits import make_split, split_table
from multiskin.data.table import Problem, read_table
from multiskin.data.validation import Progress, second_headings
from multiskin.errors import UserError
from multiskin.run import whole
from multiskin.schema import MISSING, Schema


@dataclass(frozen=True)
class Photos:
    """A checked table and its split.

    Attributes:
        manifest: the photos, N of them.
        split: (N,) of train, val, test and calibrate.
        skipped: why rows of the table were left out.
        warnings: what need not stop a run, but should be known.
    """

    manifest: Manifest
    split: np.ndarray
    skipped: list[Problem]
    warnings: list[Problem]

    def side(self, name: str) -> Manifest:
        """The photos of one side: train, val, test or calibrate."""
        return self.manifest.select(self.split == name)

    def save(self, split: Path, skipped: Path) -> None:
        """Writes the split, and the rows left out if there are any, as CSV files."""
        with whole(split) as part:
            split_table(self.manifest, self.split).to_csv(part, index=False)
        if self.skipped:
            rows = [(problem.row, problem.column, problem.message) for problem in self.skipped]
            with whole(skipped) as part:
                pd.DataFrame(rows, columns=["row", "column", "problem"]).to_csv(part, index=False)


def load_photos(config: DataConfig, schema: Schema, progress: Progress | None = None) -> Photos:
    """The photos that a run learns from and is measured on, with the table's split or one made for it.

    Grades that config.relabel lists are corrected and those that config.exclude lists are removed, except on photos to
    judge by; the split is not affected.

    Raises:
        UserError: a table or a list that cannot be used, or an attribute that is left without a training grade.
    """
    corrections = None if config.relabel is None else Corrections.read(config.relabel, schema)
    exclusions = None if config.exclude is None else Exclusions.read(config.exclude, schema)
    manifest, skipped = load_manifest(config, schema, progress)
    split = manifest.split
    if split is None:
        split = make_split(manifest, config.split.ratios, config.split.seed)
    notices: list[Problem] = []
    if corrections is not None:
        manifest, notices = corrections.correct(manifest, split)
    if exclusions is not None:
        manifest, left_out = exclusions.leave_out(manifest, split)
        notices += left_out
    warnings = check_training_grades(manifest.select(split == "train"))
    return Photos(manifest, split, skipped, [*notices, *warnings])


def load_side(
    config: DataConfig, schema: Schema, saved_split: Path, side: str, progress: Progress | None = None
) -> tuple[Manifest, list[Problem]]:
    """The photos of one side of a finished run's split, and why rows were left out.

    Grades that the run was not to learn from are left out again, and corrected ones are as they were for it, whatever
    has happened to the lists since.

    Raises:
        UserError: a split or a table that cannot be used, or a table without some photo that the run had.
    """
    manifest, skipped = load_manifest(config, schema, progress)
    regraded = (config.exclude, config.relabel) != (None, None) and side in LEARNED_FROM
    of_grades = [attribute.true_column for attribute in schema] if regraded else []
    saved = _read_split(saved_split, of_grades)
    lacking = saved.index.difference(pd.Index(manifest.paths))
    if len(lacking):
        raise UserError(
            f"{config.root}: photo {lacking[0]} of {saved_split} is not in the table {config.manifest} any more; "
            "put it back, or measure on another table with --table"
        )
    photos = manifest.select(saved["split"].reindex(manifest.paths).to_numpy() == side)
    if regraded:
        had = saved.loc[photos.paths, of_grades].replace("", str(MISSING))
        photos = replace(photos, grades=had.to_numpy(dtype=np.int64))
    return photos, skipped


def _read_split(path: Path, of_grades: Sequence[str]) -> pd.DataFrame:
    """The side and the grades, in these columns, of every photo of a run, by its path; cells as text."""
    restore = "restore it, or measure with --table"
    try:
        saved = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("image")
        if saved.index.has_duplicates or "split" not in saved:
            raise ValueError("a photo stands twice, or on no side")
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not the split that 'fit' wrote; {restore}") from error
    if lacking := [heading for heading in of_grades if heading not in saved]:
        raise UserError(f"{path}: no column {lacking[0]}, so it is not the split that 'fit' wrote; {restore}")
    return saved


def require_unseen(photos: Manifest, saved_split: Path) -> None:
    """Makes sure that a finished run has neither learned from these photos nor been chosen by them.

    Raises:
        UserError: one is among its training or validation photos, or is of one of their subjects; or nothing is said of
            subjects, as it was in training.
    """
    saved = _read_split(saved_split, [])
    seen = saved[saved["split"].isin(LEARNED_FROM)]
    known = {"photo": (_files(photos.paths), set(_files(seen.index)))}
    if photos.subject is not None and "subject" in seen:
        known["subject"] = (photos.subject.tolist(), set(seen["subject"]) - {""})
    for what, (names, before) in known.items():
        for index in (index for index, name in enumerate(names) if name in before):
            raise UserError(
                f"{photos.describe([index])}: the run was trained or chosen on {what} {names[index]}; give a table "
                "without such photos, and other subjects other names"
            )
    if photos.subject is None and "subject" in seen and seen["subject"].any():
        raise UserError(
            "the table does not say whose photos these are, and they may be of people that the run has seen; give it "
            "the column of data.columns.subject, blank where that is not known"
        )


def _files(paths: Iterable[str]) -> list[str]:
    return [parted(path)[0] for path in paths]


def load_table(config: DataConfig, schema: Schema, progress: Progress | None = None) -> tuple[Manifest, list[Problem]]:
    """All photos of another table than a run was trained on, and why rows were left out.

    It need not have every attribute, nor the other columns that the run's table had, and may have more.

    Raises:
        UserError: a table that cannot be used, or has none of the attributes.
    """
    path = Path(config.root) / config.manifest
    headings = [str(heading) for heading in read_table(path).cells]
    graded = [attribute for attribute in schema if attribute.heading in headings]
    if not graded:
        expected = ", ".join(attribute.heading for attribute in schema)
        raise UserError(f"{path}: no column of grades; it needs at least one of {expected}")
    columns = _present_columns(config.columns, headings, Schema(tuple(graded)))
    manifest, skipped = load_manifest(replace(config, columns=columns), Schema(tuple(graded)), progress)
    second = manifest.second_grades
    return replace(
        manifest,
        schema=schema,
        grades=_spread(manifest.grades, manifest.schema, schema),
        second_grades=None if second is None else _spread(second, manifest.schema, schema),
    ), skipped


def _spread(grades: np.ndarray, graded: Schema, schema: Schema) -> np.ndarray:
    """Grades (N, H) of all attributes from those of the graded ones."""
    spread = np.full((len(grades), len(schema)), MISSING, dtype=np.int64)
    spread[:, [schema.index(name) for name in graded.names]] = grades
    return spread


def _present_columns(columns: Columns, headings: list[str], graded: Schema) -> Columns:
    """The named columns that a table has, its split not counting as one; all others are ignored."""
    second = [heading for heading in second_headings(graded, columns.second_rater) if heading in headings]
    there = Columns(
        image=columns.image,
        box=columns.box if set(columns.box or ()) <= set(headings) else None,
        subject=columns.subject if columns.subject in headings else None,
        part=columns.part if columns.part in headings else None,
        groups=[group for group in columns.groups if group in headings],
        second_rater=columns.second_rater if second else None,
    )
    attributes = {attribute.heading for attribute in graded}
    named = {there.image, *(there.box or ()), there.subject, there.part, *there.groups, *second} | attributes
    return replace(there, ignore=[heading for heading in headings if heading not in named])
