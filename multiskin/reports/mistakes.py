"""Which grades a model recognises, and what it takes the others for."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from multiskin.metrics.bootstrap import Interval, interval, of_each
from multiskin.metrics.functional import f1, precision, recall
from multiskin.reports.graded import GradedPredictions
from multiskin.schema import Attribute

SHOWN = 2  # of the grades that one is taken for, the most frequent ones


class TakenFor(NamedTuple):
    """Photos of one grade that got another one.

    Attributes:
        label: of the other grade.
        share: of the photos of the true one, 0..1.
    """

    label: str
    share: float


class GradeRecall(NamedTuple):
    """How the photos of one true grade are graded.

    Attributes:
        label: of the grade.
        photos: that have it.
        recall: the share of them that is graded rightly, with its interval.
        precision: the share of the photos graded so that have the grade, with its interval; NaN where none is.
        f1: their harmonic mean, with its interval.
        low: the share that got a lower grade; None where grades have no order.
        high: likewise, a higher one.
        taken_for: the most frequent wrong grades, most frequent first.
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
    """One head's grades, those that some photo has."""

    title: str
    ordinal: bool
    grades: list[GradeRecall]


def head_mistakes(predictions: GradedPredictions) -> list[HeadMistakes]:
    """How each head grades the photos of each true grade."""
    return [
        HeadMistakes(attribute.title(), attribute.ordinal, _by_grade(attribute, confusions))
        for attribute, confusions in zip(predictions.schema, predictions.confusions, strict=True)
    ]


def _by_grade(attribute: Attribute, confusions: Tensor) -> list[GradeRecall]:
    """From matrices (1 + R, K, K): of the photos as they are, and of resamples."""
    counts = confusions[0].numpy()  # (K, K)
    scores = [of_each(measure, confusions) for measure in (recall, precision, f1)]  # (1 + R, K) each
    return [
        _grade(attribute, grade, counts[grade], [interval(score[:, grade]) for score in scores])
        for grade in range(attribute.grades)
        if counts[grade].any()
    ]


def _grade(attribute: Attribute, grade: int, counts: np.ndarray, scores: Sequence[Interval]) -> GradeRecall:
    """Of the photos of a grade, with what they got (K,), recall, precision and F1."""
    shares = counts / counts.sum()
    wrong = [other for other in np.argsort(-shares, kind="stable").tolist() if other != grade and shares[other] > 0]
    low, high = (float(shares[:grade].sum()), float(shares[grade + 1 :].sum())) if attribute.ordinal else (None, None)
    taken_for = [TakenFor(attribute.grade_label(other), float(shares[other])) for other in wrong[:SHOWN]]
    recalled, precise, both = scores
    photos = int(counts.sum())
    return GradeRecall(attribute.grade_label(grade), photos, recalled, precise, both, low, high, taken_for)
