"""Predicts a run's training photos with networks that were trained like the run's, but not on these photos."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from multiskin.cli.comparing import require_no_failures
from multiskin.cli.terminal import progress, status_printer
from multiskin.errors import UserError

if TYPE_CHECKING:
    from multiskin.config import FitConfig
    from multiskin.reports.graded import GradedPredictions
    from multiskin.run import RunFolder
    from multiskin.schema import Schema

MIN_FOLDS = 2


def predict_out_of_fold(
    run: "RunFolder", config: "FitConfig", schema: "Schema", folds: int, jobs: int
) -> "GradedPredictions":
    """The uncalibrated predictions for all graded training photos, each by a network trained without its fold.

    Networks that are already trained are used again.

    Args:
        run: the run; the networks are kept below its folder.
        config: its settings, with the present folder of the photos.
        schema: its attributes.
        folds: number of folds; one network is trained for each.
        jobs: how many are trained at the same time.

    Raises:
        UserError: settings or photos that cannot be used again, or a training that failed.
    """
    from multiskin.compare.folds import graded_photos, plan_training_folds
    from multiskin.compare.runs import Runs
    from multiskin.data.exclusion import LEARNED_FROM
    from multiskin.data.photos import load_sides
    from multiskin.training.checks import check, check_weights

    if config.distillation is not None:
        raise UserError("--folds: not for a run with distillation, whose teachers have seen all training photos")
    check(config, schema)
    check_weights(config)
    with progress("checking photos") as advance:
        photos = graded_photos(load_sides(config.data, schema, run.split, LEARNED_FROM, advance), LEARNED_FROM)
    planned = plan_training_folds(config, photos, folds)
    runs = Runs(run.folds, "test", "calibrate")
    with runs.opened():
        failures = runs.train(planned, jobs, status_printer(sum(each.work for each in planned)))
        require_no_failures(failures, len(planned))
        return _pooled([runs.folder(each).as_trained(runs.side) for each in planned], schema)


def _pooled(tables: list[Path], schema: "Schema") -> "GradedPredictions":
    """The predictions of several tables as one."""
    import pandas as pd

    from multiskin.reports.graded import GradedPredictions

    parts = [GradedPredictions.load(table, schema) for table in tables]
    grades, decisions = (np.concatenate([getattr(part, name) for part in parts]) for name in ("grades", "decisions"))
    return GradedPredictions(schema, pd.concat([part.table for part in parts]), grades, decisions)
