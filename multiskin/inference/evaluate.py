"""Evaluates a model on graded photos."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.utils.data import DataLoader

from multiskin.data.dataset import GradedPhotos
from multiskin.data.manifest import Manifest
from multiskin.data.workers import one_thread, worker_count
from multiskin.inference.measures import by_head, measure, plain
from multiskin.inference.persons import Persons, measure_persons
from multiskin.inference.predictor import Prediction, Predictor
from multiskin.metrics.ordinal import GradeMetrics
from multiskin.portable.results import prediction_columns
from multiskin.schema import MISSING, Schema


@dataclass(frozen=True)
class Evaluation:
    """The predictions for graded photos, and their metrics.

    Attributes:
        manifest: the N photos.
        prediction: the predictions for these photos.
        metrics: by "HEAD/METRIC" and "mean/METRIC".
        confusion: (H, Kmax, Kmax), true grade in rows.
        second_rater: the metrics of a second rater's grades on the photos that both raters graded; empty without any.
        uncalibrated: the predictions without calibration; None if the model is not calibrated.
        persons: results for all photos of a person together; None if no known person has several graded photos.
    """

    manifest: Manifest
    prediction: Prediction
    metrics: dict[str, float]
    confusion: np.ndarray
    second_rater: dict[str, float]
    uncalibrated: Prediction | None = None
    persons: Persons | None = None

    @property
    def schema(self) -> Schema:
        return self.manifest.schema

    def table(self) -> pd.DataFrame:
        """One row per photo: its row in the table, image, subject, part and groups, true grades, and predictions."""
        manifest = self.manifest
        columns: dict[str, Any] = {"row": manifest.rows, "image": manifest.paths}
        known = {"subject": manifest.subject, "part": manifest.part, **manifest.groups}
        columns |= {name: values for name, values in known.items() if values is not None}
        return pd.DataFrame(columns | _graded_columns(manifest.grades, self.prediction, self.schema))

    def table_of_persons(self) -> pd.DataFrame | None:
        """One row per person: the number of photos, true grades, and predictions from all photos together."""
        if self.persons is None:
            return None
        columns = {"subject": self.persons.photos.index, "photos": self.persons.photos.to_numpy()}
        columns |= _graded_columns(self.persons.grades, self.persons.prediction, self.schema)
        return pd.DataFrame(columns | {name: _blank_missing(columns[name]) for name in self.schema.names})

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for JSON; a value that does not exist is null."""
        content = {"photos": len(self.manifest)} | plain(self.metrics, self.confusion, self.schema)
        if self.persons is not None:
            content["persons"] = self.persons.to_dict()
        if self.second_rater:
            content["second_rater"] = by_head(self.second_rater)
        return content


def _graded_columns(grades: np.ndarray, prediction: Prediction, schema: Schema) -> dict[str, Any]:
    """The columns of each head: its true grades (B, H), NAME_true, and its predictions."""
    columns: dict[str, Any] = {}
    for h, attribute in enumerate(schema):
        columns[attribute.true_column] = _blank_missing(grades[:, h])
        columns |= prediction_columns(prediction, h, schema)
    return columns


def _blank_missing(grades: Any) -> pd.Series:
    return pd.Series(grades).replace(MISSING, pd.NA).astype("Int64")


def evaluate(
    predictor: Predictor, manifest: Manifest, batch_size: int = 32, num_workers: int | None = None
) -> Evaluation:
    """Evaluates each head on the photos of a manifest that are graded for it.

    Raises:
        ImageError: a photo cannot be read.
    """
    return judge(predictor, manifest, network_probabilities(predictor, manifest, batch_size, num_workers))


@torch.inference_mode()
def network_probabilities(
    predictor: Predictor, manifest: Manifest, batch_size: int = 32, num_workers: int | None = None
) -> Tensor:
    """The uncalibrated probabilities (N, H, Kmax) for all photos of a manifest, on the CPU.

    Raises:
        ImageError: a photo cannot be read.
    """
    photos = GradedPhotos(manifest, predictor.transform())
    loader = DataLoader(photos, batch_size, num_workers=worker_count(num_workers), worker_init_fn=one_thread)
    return torch.cat([predictor.probabilities(batch["image"]).cpu() for batch in loader])


def judge(predictor: Predictor, manifest: Manifest, probabilities: Tensor) -> Evaluation:
    """Evaluates a model, given the uncalibrated probabilities (N, H, Kmax) for a manifest's photos."""
    prediction = predictor.judge(predictor.calibrate(probabilities.to(predictor.device)))
    return Evaluation(
        manifest,
        prediction,
        *measure(prediction, manifest.grades, predictor.schema),
        second_rater(manifest),
        predictor.uncalibrated().judge(probabilities.to(predictor.device)) if predictor.calibrators else None,
        measure_persons(predictor, manifest, prediction),
    )


def second_rater(manifest: Manifest) -> dict[str, float]:
    """The metrics of the second rater's grades, with the first rater's as the true ones; empty without any.

    A rater's grade counts as a prediction with probability 1 in the ranked probability scores.
    """
    if manifest.second_grades is None:
        return {}
    metrics = GradeMetrics(manifest.schema)
    second = torch.from_numpy(manifest.second_grades)
    first = torch.from_numpy(manifest.grades).where(second != MISSING, MISSING)
    predicted = second.clamp(min=0)  # a missing grade becomes 0, which is ignored since `first` is missing there, too
    metrics.update(one_hot(predicted, manifest.schema.max_grades).double(), predicted, first)
    return {key: value.item() for key, value in metrics.compute().items()}
