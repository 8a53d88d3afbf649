"""How good a network is on graded photographs, beside the best constant answer."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import one_hot
from torch.utils.data import DataLoader

from multiskin.data.dataset import GradedPhotos, one_thread, worker_count
from multiskin.data.manifest import Manifest
from multiskin.inference.predictor import Prediction, Predictor
from multiskin.metrics.ordinal import GradeMetrics
from multiskin.schema import MISSING, Schema


@dataclass(frozen=True)
class Evaluation:
    """The predictions on graded photos and what is measured of them.

    Attributes:
        manifest: the photos, N of them.
        prediction: for each of them.
        metrics: by "HEAD/METRIC" and "mean/METRIC".
        confusion: (H, Kmax, Kmax), true grade in rows.
        second_rater: the metrics of a second rater's grades on the photos that both have graded; empty where there is
            none.
    """

    manifest: Manifest
    prediction: Prediction
    metrics: dict[str, float]
    confusion: np.ndarray
    second_rater: dict[str, float]

    @property
    def schema(self) -> Schema:
        return self.manifest.schema

    def table(self) -> pd.DataFrame:
        """A line a photo: where it stands in the table and whose it is, true grades, and what was predicted."""
        manifest = self.manifest
        columns: dict[str, Any] = {"row": manifest.rows, "image": manifest.paths}
        known = {"subject": manifest.subject, "part": manifest.part, **manifest.groups}
        columns |= {name: values for name, values in known.items() if values is not None}
        for h, attribute in enumerate(self.schema):
            true = pd.Series(self.manifest.grades[:, h]).replace(MISSING, pd.NA).astype("Int64")
            columns[attribute.true_column] = true
            columns |= prediction_columns(self.prediction, h, self.schema)
        return pd.DataFrame(columns)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for JSON; a value that does not exist is null."""
        heads = _by_head(self.metrics)
        mean = heads.pop("mean")
        for h, attribute in enumerate(self.schema):
            k = attribute.grades
            heads[attribute.name]["confusion"] = self.confusion[h, :k, :k].tolist()
        content = {"photos": len(self.manifest), "mean": mean, "heads": heads}
        return content | ({"second_rater": _by_head(self.second_rater)} if self.second_rater else {})


def _by_head(metrics: dict[str, float]) -> dict[str, dict[str, Any]]:
    heads: dict[str, dict[str, Any]] = {}
    for key, value in metrics.items():
        head, metric = key.split("/")
        heads.setdefault(head, {})[metric] = None if np.isnan(value) else value
    return heads


def prediction_columns(prediction: Prediction, head: int, schema: Schema) -> dict[str, np.ndarray]:
    """One head's part of a table of predictions: NAME, NAME_score where grades are ordered, NAME_p0, NAME_p1, ..."""
    attribute = schema.attributes[head]
    scores = [prediction.scores[:, head]] if attribute.ordinal else []
    probabilities = prediction.probabilities[:, head, : attribute.grades].T
    columns = [prediction.grades[:, head], *scores, *probabilities]
    return dict(zip(attribute.prediction_columns, columns, strict=True))


def evaluate(
    predictor: Predictor, manifest: Manifest, batch_size: int = 32, num_workers: int | None = None
) -> Evaluation:
    """Scores every photo of a manifest once and measures every head on the grades it has.

    Raises:
        ImageError: a photo that cannot be read.
    """
    photos = GradedPhotos(manifest, predictor.transform())
    metrics = GradeMetrics(predictor.schema)
    parts = []
    loader = DataLoader(photos, batch_size, num_workers=worker_count(num_workers), worker_init_fn=one_thread)
    for batch in loader:
        part = predictor.predict(batch["image"])
        metrics.update(torch.from_numpy(part.probabilities), torch.from_numpy(part.grades), batch["grades"])
        parts.append(part)
    prediction = Prediction(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    values = {key: value.item() for key, value in metrics.compute().items()}
    return Evaluation(manifest, prediction, values, metrics.confusion.numpy(), second_rater(manifest))


def second_rater(manifest: Manifest) -> dict[str, float]:
    """What the second rater's grades get, measured by the first one's as a model's are; empty where there are none.

    The probability of a rater's grade is 1, so that the ranked probability scores are those of sure answers.
    """
    if manifest.second_grades is None:
        return {}
    metrics = GradeMetrics(manifest.schema)
    second = torch.from_numpy(manifest.second_grades)
    first = torch.from_numpy(manifest.grades).where(second != MISSING, MISSING)
    answers = second.clamp(min=0)  # of no account where the second rater gave none, for the first one's is left out
    metrics.update(one_hot(answers, manifest.schema.max_grades).double(), answers, first)
    return {key: value.item() for key, value in metrics.compute().items()}
