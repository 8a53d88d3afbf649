"""What a network predicts for photos, whatever runs it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from multiskin.schema import Schema


class Prediction(NamedTuple):
    """What the network predicts for some photos.

    Attributes:
        grades: (B, H) int64, as decided.
        scores: (B, H), expected grades; NaN for nominal attributes, whose grades have no order.
        probabilities: (B, H, Kmax), calibrated where the model is, 0 beyond a head's own K.
    """

    grades: np.ndarray
    scores: np.ndarray
    probabilities: np.ndarray


class PhotoResult(NamedTuple):
    """One photo's line: a prediction with B = 1 and any sets of grades (1, H, Kmax), or why there is no prediction."""

    path: str
    prediction: Prediction | None
    error: str = ""
    sets: np.ndarray | None = None


def rows_of(prediction: Prediction) -> Iterator[Prediction]:
    """The predictions of B photos one by one, each with B = 1."""
    for row in range(len(prediction.grades)):
        yield Prediction(*(values[row : row + 1] for values in prediction))


def prediction_columns(prediction: Prediction, head: int, schema: Schema) -> dict[str, np.ndarray]:
    """One head's part of a table of predictions: NAME, NAME_score where grades are ordered, NAME_p0, NAME_p1, ..."""
    attribute = schema.attributes[head]
    scores = [prediction.scores[:, head]] if attribute.ordinal else []
    probabilities = prediction.probabilities[:, head, : attribute.grades].T
    columns = [prediction.grades[:, head], *scores, *probabilities]
    return dict(zip(attribute.prediction_columns, columns, strict=True))
