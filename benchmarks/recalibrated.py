"""Predictions of finished runs with another calibration, or without one, saved next to the runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from as_trained import as_trained

from multiskin.calibration import Calibrator, GradedProbabilities, calibrate_heads, fit_calibrators
from multiskin.inference.calibrate import drawn_shares
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.models.checkpoint import read_checkpoint
from multiskin.portable.results import prediction_columns
from multiskin.reports.graded import GradedPredictions
from multiskin.run import RunFolder
from multiskin.schema import Schema

Calibrators = Mapping[str, Calibrator]
AS_TRAINED, CALIBRATED = "none", "cumulative"  # no calibration; the method of the configs


class Fit(NamedTuple):
    """Fits calibrations to a model, with what is known of its training.

    Attributes:
        schema: the attributes of the H heads.
        drawn: (H, Kmax) the share of each grade among the photos drawn in training.
        counts: how many training photos have each grade, for each attribute.
    """

    schema: Schema
    drawn: np.ndarray
    counts: Sequence[Sequence[int]]

    @classmethod
    def of_run(cls, run: Path) -> "Fit":
        """That of a run's model."""
        checkpoint = RunFolder.open(run).best
        predictor = Predictor.from_checkpoint(checkpoint, "cpu")
        blueprint = Blueprint.from_dict(read_checkpoint(checkpoint)["blueprint"])
        return cls(predictor.schema, drawn_shares(predictor.net, blueprint), blueprint.counts)

    def __call__(self, method: str, photos: GradedProbabilities) -> Calibrators:
        """The calibration of every head by name; none if the method is AS_TRAINED."""
        methods = {} if method == AS_TRAINED else dict.fromkeys(self.schema.names, method)
        return fit_calibrators(self.schema, methods, photos, self.drawn, self.counts)


def graded(photos: GradedPredictions) -> GradedProbabilities:
    """The photos as calibrations are fitted to them."""
    return GradedProbabilities(photos.probabilities, photos.grades, photos.units)


def calibrated(probabilities: np.ndarray, schema: Schema, calibrators: Calibrators) -> np.ndarray:
    """Calibrated probabilities (N, H, Kmax) from those as trained."""
    return calibrate_heads(torch.from_numpy(probabilities), [calibrators.get(name) for name in schema.names]).numpy()


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
    predictor, fit = Predictor.from_checkpoint(folder.best, "cpu"), Fit.of_run(run)
    val, test = (as_trained(run, side) for side in ("val", "test"))
    first = first_half(val.units)
    halves = [(val.select(half), fit(method, graded(val.select(~half)))) for half in (first, ~first)]
    new_folder.mkdir(exist_ok=True)
    pd.concat([predictions_table(predictor, *half) for half in halves]).to_csv(
        new_folder / "predictions_val.csv", index=False
    )
    predictions_table(predictor, test, fit(method, graded(val))).to_csv(
        new_folder / "predictions_test.csv", index=False
    )
    return new_folder


def first_half(units: np.ndarray) -> np.ndarray:
    """A mask (N,) of the photos of a random half of the subjects, always the same for the same subject numbers (N,)."""
    subjects, own = np.unique(units, return_inverse=True)
    return np.random.default_rng(0).permutation(len(subjects))[own] < len(subjects) / 2


def predictions_table(predictor: Predictor, photos: GradedPredictions, calibrators: Calibrators) -> pd.DataFrame:
    """The table of predictions with these calibrators."""
    model = replace(predictor, calibrators=calibrators)
    prediction = model.judge(model.calibrate(torch.from_numpy(photos.probabilities)))
    table = photos.table
    for h in range(len(photos.schema)):
        table = table.assign(**prediction_columns(prediction, h, photos.schema))
    return table
