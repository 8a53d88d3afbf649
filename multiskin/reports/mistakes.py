"""How well a model recognises each grade, and which grades it confuses it with."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from multiskin.metrics.bootstrap import Interval, interval, metric_values
from multiskin.metrics.functional import f1, precision, recall
from multiskin.reports.graded import GradedPredictions
from multiskin.schema import Attribute

SHOWN = 2  # the most frequent wrong predictions for each grade


class TakenFor(NamedTuple):
    """A wrong prediction for photos of one grade.

    Attributes:
        label: the predicted grade.
        share: the share of the photos of the true grade, in [0, 1].
    """

    label: str
    share: float


class GradeRecall(NamedTuple):
    """What is predicted for the photos of one true grade.

    Attributes:
        label: the true grade.
        photos: how many photos have it.
        recall: the share of them with this grade predicted, with its interval.
        precision: the share of photos with this grade predicted that have it, with its interval; NaN if there are none.
        f1: the harmonic mean of recall and precision, with its interval.
        low: the share with a lower grade predicted; None where grades have no order.
        high: the share with a higher grade predicted; None where grades have no order.
        taken_for: the most frequent wrong predictions, most frequent first.
    """

    label: str
    photos: int
    recall: Interval
    precision: Interval
    f1: Interval
    low: float | None
    high: float | None
    taken_for: list[TakenFor]


class HeadMistakes(NamedTuple):
    """One head's results by true grade, for the grades that occur."""

    title: str
    ordinal: bool
    grades: list[GradeRecall]


def head_mistakes(predictions: GradedPredictions) -> list[HeadMistakes]:
    """What each head predicts for the photos of each true grade."""
    return [
        HeadMistakes(attribute.title(), attribute.ordinal, _by_grade(attribute, confusions))
        for attribute, confusions in zip(predictions.schema, predictions.confusions, strict=True)
    ]


def _by_grade(attribute: Attribute, confusions: Tensor) -> list[GradeRecall]:
    """From confusion matrices (1 + R, K, K): of all photos, and of R bootstrap resamples."""
    counts = confusions[0].numpy()  # (K, K)
    scores = [metric_values(measure, confusions) for measure in (recall, precision, f1)]  # (1 + R, K) each
    return [
        _grade(attribute, grade, counts[grade], [interval(score[:, grade]) for score in scores])
        for grade in range(attribute.grades)
        if counts[grade].any()
    ]


def _grade(attribute: Attribute, grade: int, counts: np.ndarray, scores: Sequence[Interval]) -> GradeRecall:
    """The result for one true grade from its counts of predictions (K,) and recall, precision and F1."""
    shares = counts / counts.sum()
    wrong = [other for other in np.argsort(-shares, kind="stable").tolist() if other != grade and shares[other] > 0]
    low, high = (float(shares[:grade].sum()), float(shares[grade + 1 :].sum())) if attribute.ordinal else (None, None)
    taken_for = [TakenFor(attribute.grade_label(other), float(shares[other])) for other in wrong[:SHOWN]]
    recalled, precise, both = scores
    photos = int(counts.sum())
    return GradeRecall(attribute.grade_label(grade), photos, recalled, precise, both, low, high, taken_for)
