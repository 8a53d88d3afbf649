"""Calibration errors of probabilities with their noise floor, and reliability diagrams.

Probabilities of K grades are evaluated as those of binary events: for ordered grades, that the grade lies above each of
the K-1 cuts; for nominal grades, that it is each of the K grades. The calibration error is that of Naeini, Cooper and
Hauskrecht (AAAI 2015), averaged over the events: for nominal grades, this is the classwise error (Kull et al., Beyond
Temperature Scaling, NeurIPS 2019); for ordered grades, it measures the cumulative distribution, on which the ranked
probability score and decisions depend. Bins contain equal numbers of photos, which gives a less biased estimate than
bins of equal width (Roelofs et al., Mitigating Bias in Calibration Error Estimation, AISTATS 2022). Some bias remains:
in a finite sample, even perfect probabilities have an error above 0, the noise floor, which is estimated by consistency
resampling (Bröcker and Smith, Increasing the Reliability of Reliability Diagrams, Weather and Forecasting 22, 2007).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from multiskin.metrics.bootstrap import LIMITS, Interval

BINS = 10
MIN_PHOTOS_PER_BIN = 10  # with too few photos for BINS such bins, there are fewer
DRAWS = 500


class BinaryEvents(NamedTuple):
    """Q binary events for each of N photos.

    Attributes:
        predicted: (N, Q) the predicted probability of each event.
        observed: (N, Q) bool, whether it occurred.
    """

    predicted: np.ndarray
    observed: np.ndarray


ToEvents = Callable[[np.ndarray, np.ndarray], BinaryEvents]  # from probabilities (N, K) and grades (N,)


def cuts(probabilities: np.ndarray, grades: np.ndarray) -> BinaryEvents:
    """The events that the grade is above k, for each k < K-1, from probabilities (N, K) and grades (N,)."""
    above = probabilities[:, ::-1].astype(float).cumsum(axis=1)[:, -2::-1]  # (N, K-1), P(grade > k)
    return BinaryEvents(above, grades[:, None] > np.arange(above.shape[1]))


def classes(probabilities: np.ndarray, grades: np.ndarray) -> BinaryEvents:
    """The events that the grade is k, for each k, from probabilities (N, K) and grades (N,)."""
    return BinaryEvents(probabilities.astype(float), grades[:, None] == np.arange(probabilities.shape[1]))


def calibration_error(probabilities: np.ndarray, grades: np.ndarray, to_events: ToEvents = cuts) -> float:
    """The mean expected calibration error of the events, 0 to 1; NaN without photos.

    Args:
        probabilities: (N, K).
        grades: (N,) int64 in 0..K-1.
        to_events: cuts for ordered grades, classes for nominal ones.
    """
    events = to_events(probabilities, grades)
    return _error(events, _bins(events.predicted))


def noise_floor(probabilities: np.ndarray, to_events: ToEvents = cuts, draws: int = DRAWS, seed: int = 0) -> Interval:
    """The calibration error of perfectly calibrated probabilities: its mean and central 95 % interval.

    Args:
        probabilities: (N, K).
        to_events: as for calibration_error.
        draws: how many times grades are drawn from the probabilities.
        seed: seed of the draws.
    """
    if not len(probabilities):
        return Interval(np.nan, np.nan, np.nan)
    random = np.random.default_rng(seed)
    cumulative = probabilities.astype(float).cumsum(axis=1)[:, :-1]  # (N, K-1), P(grade <= k)
    bins = _bins(to_events(probabilities, np.zeros(len(probabilities), np.int64)).predicted)
    errors = []
    for _ in range(draws):
        grades = (random.random((len(cumulative), 1)) >= cumulative).sum(axis=1)
        errors.append(_error(to_events(probabilities, grades), bins))
    return Interval(float(np.mean(errors)), *np.percentile(errors, LIMITS).tolist())


def _bins(predicted: np.ndarray) -> np.ndarray:
    """The bin (N, Q) of each prediction; each event has bins of about equally many photos, and ties share a bin."""
    photos = len(predicted)
    number = min(BINS, max(photos // MIN_PHOTOS_PER_BIN, 1))
    first = [np.searchsorted(np.sort(column), column) for column in predicted.T]  # ranks, the lowest for ties
    return np.stack(first, axis=1) * number // max(photos, 1)


def _error(events: BinaryEvents, bins: np.ndarray) -> float:
    """Mean over events of the sum over bins of (share of photos) * |observed frequency - mean prediction|."""
    if not events.observed.size:
        return np.nan
    cells = bins + BINS * np.arange(bins.shape[1])  # every event has its own bins
    gaps = np.bincount(cells.ravel(), (events.observed - events.predicted).ravel())
    return float(np.abs(gaps).sum() / events.observed.size)


class Bin(NamedTuple):
    """A bin of a reliability diagram: events with similar predicted probabilities.

    Attributes:
        predicted: their mean predicted probability.
        observed: the share of them that occurred.
        size: their number.
    """

    predicted: float
    observed: float
    size: int


def reliability(events: BinaryEvents, number: int = BINS) -> list[Bin]:
    """Groups all events into bins of equal width, without empty bins."""
    predicted, observed = events.predicted.ravel(), events.observed.ravel()
    bins = np.minimum((predicted * number).astype(int), number - 1)
    return [
        Bin(float(predicted[here].mean()), float(observed[here].mean()), int(here.sum()))
        for here in (bins == each for each in range(number))
        if here.any()
    ]


def log_loss(probabilities: np.ndarray, grades: np.ndarray) -> float:
    """The mean negative log-likelihood of grades (N,) under probabilities (N, K); NaN without photos."""
    if not len(grades):
        return np.nan
    given = np.take_along_axis(probabilities.astype(float), grades[:, None], axis=1)
    return float(-np.log(np.maximum(given, np.finfo(np.float32).tiny)).mean())
