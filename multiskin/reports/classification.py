"""Precision, recall and F1 of every class, as in scikit-learn's classification report."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from multiskin.metrics.functional import accuracy, f1, precision, recall
from multiskin.schema import Attribute, Schema

MEASURES = {"precision": precision, "recall": recall, "f1": f1}


def classification_report(confusion: np.ndarray, schema: Schema) -> pd.DataFrame:
    """Precision, recall and F1 for each grade of each head.

    Args:
        confusion: (H, Kmax, Kmax) counts, true grade in rows.
        schema: the heads.

    Returns:
        attribute, class, precision, recall, f1, photos: one row per grade, and three for the whole head: the mean over
        grades, the mean weighted by the grades' photos, and the accuracy, in column f1. As in scikit-learn's report, a
        grade that is never predicted has precision 0, and one that neither occurs nor is predicted is left out.
    """
    lines = [line for h, attribute in enumerate(schema) for line in _lines(confusion[h], attribute)]
    return pd.DataFrame(lines, columns=["attribute", "class", *MEASURES, "photos"])


def _lines(confusion: np.ndarray, attribute: Attribute) -> Iterator[tuple[object, ...]]:
    k = attribute.grades
    counts = torch.from_numpy(confusion[:k, :k])
    photos = counts.sum(1)  # (K,)
    met = (photos + counts.sum(0)) > 0  # (K,)
    if not met.any():
        return
    scores = torch.stack([measure(counts).nan_to_num(0.0) for measure in MEASURES.values()])  # (3, K)
    for grade in met.nonzero().flatten().tolist():
        yield (attribute.name, attribute.grade_label(grade), *scores[:, grade].tolist(), int(photos[grade]))
    total = int(photos.sum())
    yield (attribute.name, "macro average", *scores[:, met].mean(dim=1).tolist(), total)
    yield (attribute.name, "weighted average", *_weighted(scores, photos), total)
    yield (attribute.name, "accuracy", np.nan, np.nan, accuracy(counts).item(), total)


def _weighted(scores: Tensor, photos: Tensor) -> list[float]:
    """The mean of scores (3, K), weighted by the photos (K,) of each grade."""
    return ((scores * photos).sum(dim=1) / photos.sum()).tolist()
