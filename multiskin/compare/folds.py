"""Cross-validation by subject: every photo is predicted by a model that has never seen its subject."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from multiskin.compare.plan import Experiment, PlannedRun
from multiskin.compare.runs import Runs
from multiskin.config import FitConfig
from multiskin.data.manifest import Manifest
from multiskin.data.photos import Photos
from multiskin.data.splits import make_folds
from multiskin.errors import UserError
from multiskin.run import ANEW
from multiskin.schema import MISSING

MIN_FOLDS = 3  # one fold each for testing, for choosing the best checkpoint, and for training


def graded_photos(photos: Photos, sides: Sequence[str]) -> Photos:
    """The photos of the given splits (train, val, test) that have at least one grade."""
    chosen = np.isin(photos.split, list(sides)) & (photos.manifest.grades != MISSING).any(axis=1)
    return replace(photos, manifest=photos.manifest.select(chosen), split=photos.split[chosen])


def plan_folds(config: FitConfig, photos: Photos, folds: int) -> list[PlannedRun]:
    """One run per fold: that fold is its test set, the next one its validation set, and it trains on the others.

    Args:
        config: the settings of all runs; data.split.seed also seeds the assignment to folds.
        photos: all graded; their own split is ignored.
        folds: how many, at least three.

    Raises:
        UserError: fewer subjects than folds, or a fold without a grade of some attribute.
    """
    fold_of = make_folds(photos.manifest, folds, config.data.split.seed)
    _require_grades(photos.manifest, fold_of, folds)
    unsplit = replace(config.data, columns=replace(config.data.columns, split=None))
    whole = Experiment(replace(config, data=unsplit), photos).shared()
    return [_fold_run(fold, whole, config, fold_of, folds) for fold in range(folds)]


def _require_grades(manifest: Manifest, fold_of: np.ndarray, folds: int) -> None:
    for fold in range(folds):
        for attribute, counts in zip(manifest.schema, manifest.grade_counts(fold_of == fold), strict=True):
            if not counts.any():
                raise UserError(
                    f"--folds {folds}: too few photos are graded for {attribute.name} to put some in every fold; use "
                    "fewer folds, or remove the attribute from the schema"
                )


def _fold_run(fold: int, whole: PlannedRun, config: FitConfig, fold_of: np.ndarray, folds: int) -> PlannedRun:
    """The run that holds out a fold as its test set, derived from the run on all photos."""
    sides = np.select([fold_of == fold, fold_of == (fold + 1) % folds], ["test", "val"], "train")
    draws = config.data.draws_per_epoch or int((sides == "train").sum())
    split = str(whole.config.data.columns.split)  # a planned run always has one
    return replace(
        whole,
        model=f"fold-{fold + 1}",
        config=replace(whole.config, data=replace(whole.config.data, draws_per_epoch=draws)),
        table=whole.table.assign(**{split: sides}),
        image_passes=draws * config.trainer.max_epochs,
    )


def out_of_fold(runs: Runs, planned: Sequence[PlannedRun], manifest: Manifest) -> dict[str, np.ndarray]:
    """The out-of-fold predictions of the finished runs of all folds.

    Returns:
        The grade probabilities (N, K) of the N photos in the manifest's order, by attribute name.

    Raises:
        UserError: the predictions are of other photos.
    """
    columns = {attribute.name: attribute.probability_columns for attribute in manifest.schema}
    wanted = ["image", *(heading for headings in columns.values() for heading in headings)]
    table = pd.concat([_read(runs.folder(run).predictions(runs.side), wanted) for run in planned])
    if sorted(table.index) != sorted(manifest.paths):
        raise UserError(f"{runs.root}: the predictions there are of other photos; name another folder with --out")
    return {name: table.loc[manifest.paths, headings].to_numpy(float) for name, headings in columns.items()}


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        return pd.read_csv(path, usecols=columns, dtype={"image": str}, keep_default_na=False).set_index("image")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged or not a table of predictions; {ANEW}") from error
