"""How good predictions are by the true grades: every metric of every head, also in plain containers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from multiskin.inference.predictor import Prediction
from multiskin.metrics.ordinal import GradeMetrics
from multiskin.schema import Schema


def measure(prediction: Prediction, grades: np.ndarray, schema: Schema) -> tuple[dict[str, float], np.ndarray]:
    """The metrics by "HEAD/METRIC" and "mean/METRIC", and the confusion matrices (H, Kmax, Kmax), true grade in rows.

    Args:
        prediction: of B photos or persons.
        grades: (B, H) their true grades, -1 where missing.
        schema: the H heads.
    """
    metrics = GradeMetrics(schema)
    metrics.update(*(torch.from_numpy(values) for values in (prediction.probabilities, prediction.grades, grades)))
    return {key: value.item() for key, value in metrics.compute().items()}, metrics.confusion.numpy()


def plain(metrics: Mapping[str, float], confusion: np.ndarray, schema: Schema) -> dict[str, Any]:
    """Both for JSON, means and heads; a value that does not exist is null."""
    heads = by_head(metrics)
    mean = heads.pop("mean")
    for h, attribute in enumerate(schema):
        heads[attribute.name]["confusion"] = confusion[h, : attribute.grades, : attribute.grades].tolist()
    return {"mean": mean, "heads": heads}


def by_head(metrics: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """The metrics of each head, and of their mean, by its name; None for a value that does not exist."""
    heads: dict[str, dict[str, Any]] = {}
    for key, value in metrics.items():
        head, metric = key.split("/")
        heads.setdefault(head, {})[metric] = None if np.isnan(value) else value
    return heads
