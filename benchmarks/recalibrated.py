"""Predictions of finished runs with another calibration, or without one, saved next to the runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from as_trained import as_trained

from multiskin.calibration import Calibrator, GradedProbabilities, fit_calibrators
from multiskin.inference.calibrate import drawn_shares
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.models.checkpoint import read_checkpoint
from multiskin.portable.results import prediction_columns
from multiskin.reports.graded import GradedPredictions
from multiskin.run import RunFolder

Calibrators = Mapping[str, Calibrator]
AS_TRAINED, CALIBRATED = "none", "cumulative"  # no calibration; the method of the configs


def recalibrate(runs: Sequence[Path], method: str) -> list[Path]:
    """Writes predictions_val.csv and predictions_test.csv with another calibration, in a new folder next to each run.

    Test photos are calibrated on all validation photos, as in `multiskin calibrate`. Validation photos are calibrated
    on the other half of the subjects, since a calibration is optimistic on the photos that it was fitted to.

    Args:
        runs: the run folders.
        method: the calibration method of all heads, or AS_TRAINED.

    Returns:
        The new folder of each run.
    """
    return [_recalibrate_run(run, method) for run in runs]


def _recalibrate_run(run: Path, method: str) -> Path:
    folder, new_folder = RunFolder.open(run), run.with_name(f"{run.name}-{method}")
    predictor = Predictor.from_checkpoint(folder.best, "cpu")
    blueprint = Blueprint.from_dict(read_checkpoint(folder.best)["blueprint"])
    drawn = drawn_shares(predictor.net, blueprint)
    methods = {} if method == AS_TRAINED else dict.fromkeys(predictor.schema.names, method)

    def fit(to: GradedPredictions) -> Calibrators:
        graded = GradedProbabilities(to.probabilities, to.grades, to.units)
        return fit_calibrators(to.schema, methods, graded, drawn, blueprint.counts)

    val, test = (as_trained(run, side) for side in ("val", "test"))
    first = first_half(val.units)
    halves = [(val.select(half), fit(val.select(~half))) for half in (first, ~first)]
    new_folder.mkdir(exist_ok=True)
    pd.concat([predictions_table(predictor, *half) for half in halves]).to_csv(
        new_folder / "predictions_val.csv", index=False
    )
    predictions_table(predictor, test, fit(val)).to_csv(new_folder / "predictions_test.csv", index=False)
    return new_folder


def first_half(units: np.ndarray) -> np.ndarray:
    """A mask (N,) of the photos of a random half of the subjects, always the same for the same subject numbers (N,)."""
    subjects, own = np.unique(units, return_inverse=True)
    return np.random.default_rng(0).permutation(len(subjects))[own] < len(subjects) / 2


def predictions_table(predictor: Predictor, photos: GradedPredictions, calibrators: Calibrators) -> pd.DataFrame:
    """The table of predictions with these calibrators."""
    calibrated = replace(predictor, calibrators=calibrators)
    trained = torch.from_numpy(photos.probabilities)
    prediction = calibrated.judge(calibrated.calibrate(trained))
    table = photos.table
    for h in range(len(photos.schema)):
        table = table.assign(**prediction_columns(prediction, h, photos.schema))
    return table
