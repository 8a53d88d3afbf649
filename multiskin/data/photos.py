"""The photos of a run and their split."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from multiskin.config import Columns, DataConfig
from multiskin.data.crops import parse_name
from multiskin.data.exclusion import LEARNED_FROM, Exclusions
from multiskin.data.manifest import Manifest, check_training_grades, load_manifest
from multiskin.data.relabelling import Corrections
from multiskin.data.splits import make_split, split_table
from multiskin.data.table import Problem, read_table
from multiskin.data.validation import Progress, second_headings
from multiskin.errors import UserError
from multiskin.run import atomic_path
from multiskin.schema import MISSING, Schema


@dataclass(frozen=True)
class Photos:
    """A checked table and its split.

    Attributes:
        manifest: the N photos.
        split: (N,) of train, val, test and calibrate.
        skipped: the problems of rows that were left out.
        warnings: problems that do not stop a run.
    """

    manifest: Manifest
    split: np.ndarray
    skipped: list[Problem]
    warnings: list[Problem]

    def side(self, name: str) -> Manifest:
        """The photos of one side: train, val, test or calibrate."""
        return self.manifest.select(self.split == name)

    def save(self, split: Path, skipped: Path) -> None:
        """Writes the split and, if any, the rows that were left out, as CSV files."""
        with atomic_path(split) as part:
            split_table(self.manifest, self.split).to_csv(part, index=False)
        if self.skipped:
            rows = [(problem.row, problem.column, problem.message) for problem in self.skipped]
            with atomic_path(skipped) as part:
                pd.DataFrame(rows, columns=["row", "column", "problem"]).to_csv(part, index=False)


def load_photos(config: DataConfig, schema: Schema, progress: Progress | None = None) -> Photos:
    """The photos of a run, with the split of the table or, if it has none, a new one.

    Training and validation grades that config.relabel lists are corrected, and those that config.exclude lists are
    removed; the split is not affected.

    Raises:
        UserError: a table or list that cannot be used, or an attribute without a training grade.
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
    """The photos of one side of a finished run's split, and the problems of rows that were left out.

    If grades were excluded or corrected for the run, its saved grades are used, even if the lists have changed since.

    Raises:
        UserError: a split or table that cannot be used, or a photo of the run that is missing in the table.
    """
    manifest, skipped = load_manifest(config, schema, progress)
    regraded = (config.exclude, config.relabel) != (None, None) and side in LEARNED_FROM
    grade_columns = [attribute.true_column for attribute in schema] if regraded else []
    saved = _read_split(saved_split, grade_columns)
    missing = saved.index.difference(pd.Index(manifest.paths))
    if len(missing):
        raise UserError(
            f"{config.root}: photo {missing[0]} of {saved_split} is no longer in the table {config.manifest}; "
            "put it back, or measure on another table with --table"
        )
    photos = manifest.select(saved["split"].reindex(manifest.paths).to_numpy() == side)
    if regraded:
        grades = saved.loc[photos.paths, grade_columns].replace("", str(MISSING))
        photos = replace(photos, grades=grades.to_numpy(dtype=np.int64))
    return photos, skipped


def _read_split(path: Path, grade_columns: Sequence[str]) -> pd.DataFrame:
    """The saved split of a run as text, indexed by path, with the given columns of grades."""
    restore = "restore it, or measure with --table"
    try:
        saved = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("image")
        if saved.index.has_duplicates or "split" not in saved:
            raise ValueError("a photo occurs twice, or has no side")
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not the split that 'fit' wrote; {restore}") from error
    if missing := [heading for heading in grade_columns if heading not in saved]:
        raise UserError(f"{path}: no column {missing[0]}, so it is not the split that 'fit' wrote; {restore}")
    return saved


def require_unseen(photos: Manifest, saved_split: Path) -> None:
    """Makes sure that a finished run was neither trained nor selected on these photos or their subjects.

    Raises:
        UserError: a photo, or a photo of the same subject, is among its training or validation photos; or the table has
            no subjects while that of the run had.
    """
    saved = _read_split(saved_split, [])
    seen = saved[saved["split"].isin(LEARNED_FROM)]
    known = {"photo": (_files(photos.paths), set(_files(seen.index)))}
    if photos.subject is not None and "subject" in seen:
        known["subject"] = (photos.subject.tolist(), set(seen["subject"]) - {""})
    for what, (names, before) in known.items():
        for index in (index for index, name in enumerate(names) if name in before):
            raise UserError(
                f"{photos.describe([index])}: the run was trained or selected on {what} {names[index]}; give a table "
                "without such photos, and a different name to each subject"
            )
    if photos.subject is None and "subject" in seen and seen["subject"].any():
        raise UserError(
            "the table does not say whose photos these are, so they may show people that the run was trained on; add "
            "the column of data.columns.subject, blank where the subject is unknown"
        )


def _files(paths: Iterable[str]) -> list[str]:
    return [parse_name(path)[0] for path in paths]


def load_table(config: DataConfig, schema: Schema, progress: Progress | None = None) -> tuple[Manifest, list[Problem]]:
    """The photos of a table other than the run's own, and the problems of rows that were left out.

    The table needs at least one of the attributes, and may lack other columns or have more.

    Raises:
        UserError: a table that cannot be used, or that has none of the attributes.
    """
    path = Path(config.root) / config.manifest
    table = read_table(path, remedy=f"correct its path, which starts from {config.root}")
    headings = [str(heading) for heading in table.cells]
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
    """Grades (N, H) of all attributes of `schema` from those of the `graded` ones; the others are missing."""
    spread = np.full((len(grades), len(schema)), MISSING, dtype=np.int64)
    spread[:, [schema.index(name) for name in graded.names]] = grades
    return spread


def _present_columns(columns: Columns, headings: list[str], graded: Schema) -> Columns:
    """The named columns that a table has, except for its split; all others are ignored."""
    second = [heading for heading in second_headings(graded, columns.second_rater) if heading in headings]
    present = Columns(
        image=columns.image,
        box=columns.box if set(columns.box or ()) <= set(headings) else None,
        subject=columns.subject if columns.subject in headings else None,
        part=columns.part if columns.part in headings else None,
        groups=[group for group in columns.groups if group in headings],
        second_rater=columns.second_rater if second else None,
    )
    attributes = {attribute.heading for attribute in graded}
    named = {present.image, *(present.box or ()), present.subject, present.part, *present.groups, *second} | attributes
    return replace(present, ignore=[heading for heading in headings if heading not in named])
