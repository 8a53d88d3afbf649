"""Computes the metrics of all heads, and converts them to plain containers."""

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
        grades: (B, H) true grades, -1 if missing.
        schema: the H heads.
    """
    metrics = GradeMetrics(schema)
    metrics.update(*(torch.from_numpy(values) for values in (prediction.probabilities, prediction.grades, grades)))
    return {key: value.item() for key, value in metrics.compute().items()}, metrics.confusion.numpy()


def plain(metrics: Mapping[str, float], confusion: np.ndarray, schema: Schema) -> dict[str, Any]:
    """Metrics and confusion matrices for JSON, by head; undefined values are None."""
    heads = by_head(metrics)
    mean = heads.pop("mean")
    for h, attribute in enumerate(schema):
        heads[attribute.name]["confusion"] = confusion[h, : attribute.grades, : attribute.grades].tolist()
    return {"mean": mean, "heads": heads}


def by_head(metrics: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """The metrics by head, and their mean under "mean"; undefined values are None."""
    heads: dict[str, dict[str, Any]] = {}
    for key, value in metrics.items():
        head, metric = key.split("/")
        heads.setdefault(head, {})[metric] = None if np.isnan(value) else value
    return heads
