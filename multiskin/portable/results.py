"""Predictions for photos, whichever runtime they come from."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from multiskin.schema import Schema


class Prediction(NamedTuple):
    """Predictions for a batch of photos.

    Attributes:
        grades: (B, H) int64, predicted grades.
        scores: (B, H), expected grades; NaN for nominal attributes.
        probabilities: (B, H, Kmax), calibrated if the model is; 0 beyond a head's own K.
    """

    grades: np.ndarray
    scores: np.ndarray
    probabilities: np.ndarray


class PhotoResult(NamedTuple):
    """The result of one photo: a prediction with B = 1 and any conformal sets (1, H, Kmax), or an error."""

    path: str
    prediction: Prediction | None
    error: str = ""
    sets: np.ndarray | None = None


def rows_of(prediction: Prediction) -> Iterator[Prediction]:
    """The predictions of B photos one by one, each with B = 1."""
    for row in range(len(prediction.grades)):
        yield Prediction(*(values[row : row + 1] for values in prediction))


def prediction_columns(prediction: Prediction, head: int, schema: Schema) -> dict[str, np.ndarray]:
    """One head's columns in a table of predictions: NAME, NAME_score (ordinal only), NAME_p0, NAME_p1, ..."""
    attribute = schema.attributes[head]
    scores = [prediction.scores[:, head]] if attribute.ordinal else []
    probabilities = prediction.probabilities[:, head, : attribute.grades].T
    columns = [prediction.grades[:, head], *scores, *probabilities]
    return dict(zip(attribute.prediction_columns, columns, strict=True))
