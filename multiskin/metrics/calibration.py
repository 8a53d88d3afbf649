"""How far probabilities are from what happens: calibration error with its noise floor, and reliability diagrams.

For ordered grades the question at each of the K-1 cuts is whether the grade lies above it; for nominal ones, for each
of the K grades, whether it is this one. The error is that of Naeini, Cooper and Hauskrecht (AAAI 2015), averaged over
these questions: for nominal grades this is the classwise error (Kull et al., Beyond Temperature Scaling, NeurIPS 2019),
and for ordered grades the same with cuts in place of classes, so that it measures the cumulative distribution that
decisions and the ranked probability score rest on. Bins hold equally many photos, which makes it the least biased
(Roelofs et al., Mitigating Bias in Calibration Error Estimation, AISTATS 2022). Some bias remains: on that number of
photos even perfect probabilities have an error above 0, the noise floor, found by consistency resampling (Bröcker and
Smith, Increasing the Reliability of Reliability Diagrams, Weather and Forecasting 22, 2007).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from multiskin.metrics.bootstrap import LIMITS, Interval

BINS = 10
MIN_PHOTOS_PER_BIN = 10  # where photos are too few for that, there are fewer bins
DRAWS = 500


class BinaryEvents(NamedTuple):
    """What can be asked of N photos, Q questions each.

    Attributes:
        predicted: (N, Q) the probability that the answer is yes.
        observed: (N, Q) bool, whether it is.
    """

    predicted: np.ndarray
    observed: np.ndarray


ToEvents = Callable[[np.ndarray, np.ndarray], BinaryEvents]  # of probabilities (N, K) and grades (N,)


def cuts(probabilities: np.ndarray, grades: np.ndarray) -> BinaryEvents:
    """Whether the grade is higher than k, for each k < K-1: (N, K) and (N,)."""
    above = probabilities[:, ::-1].astype(float).cumsum(axis=1)[:, -2::-1]  # (N, K-1), P(grade > k)
    return BinaryEvents(above, grades[:, None] > np.arange(above.shape[1]))


def classes(probabilities: np.ndarray, grades: np.ndarray) -> BinaryEvents:
    """Whether the grade is k, for each k: (N, K) and (N,)."""
    return BinaryEvents(probabilities.astype(float), grades[:, None] == np.arange(probabilities.shape[1]))


def calibration_error(probabilities: np.ndarray, grades: np.ndarray, to_events: ToEvents = cuts) -> float:
    """How far probabilities are from the truth on average, 0 to 1; NaN without a photo.

    Args:
        probabilities: (N, K).
        grades: (N,) int64 in 0..K-1.
        to_events: the questions: cuts for ordered grades, classes for nominal ones.
    """
    events = to_events(probabilities, grades)
    return _error(events, _bins(events.predicted))


def noise_floor(probabilities: np.ndarray, to_events: ToEvents = cuts, draws: int = DRAWS, seed: int = 0) -> Interval:
    """The calibration error that probabilities (N, K) have if they are true: its mean and its central 95 %.

    Args:
        probabilities: (N, K).
        to_events: the events, as for the error.
        draws: how often grades are drawn from them.
        seed: seed of the draws.
    """
    if not len(probabilities):
        return Interval(np.nan, np.nan, np.nan)
    random = np.random.default_rng(seed)
    reached = probabilities.astype(float).cumsum(axis=1)[:, :-1]  # (N, K-1), P(grade <= k)
    bins = _bins(to_events(probabilities, np.zeros(len(probabilities), np.int64)).predicted)
    errors = []
    for _ in range(draws):
        grades = (random.random((len(reached), 1)) >= reached).sum(axis=1)
        errors.append(_error(to_events(probabilities, grades), bins))
    return Interval(float(np.mean(errors)), *np.percentile(errors, LIMITS).tolist())


def _bins(predicted: np.ndarray) -> np.ndarray:
    """Each answer's bin (N, Q): bins of a question hold about equally many photos, equal predictions share one."""
    photos = len(predicted)
    number = min(BINS, max(photos // MIN_PHOTOS_PER_BIN, 1))
    first = [np.searchsorted(np.sort(column), column) for column in predicted.T]  # the rank of the first of equals
    return np.stack(first, axis=1) * number // max(photos, 1)


def _error(events: BinaryEvents, bins: np.ndarray) -> float:
    """Mean over questions of the sum over bins of |share of yes - mean prediction|, by the share of photos there."""
    if not events.observed.size:
        return np.nan
    cells = bins + BINS * np.arange(bins.shape[1])  # every question has bins of its own
    gaps = np.bincount(cells.ravel(), (events.observed - events.predicted).ravel())
    return float(np.abs(gaps).sum() / events.observed.size)


class Bin(NamedTuple):
    """The answers that were predicted with about the same probability.

    Attributes:
        predicted: the mean of the predictions.
        observed: the share of yes.
        size: how many there are.
    """

    predicted: float
    observed: float
    size: int


def reliability(events: BinaryEvents, number: int = BINS) -> list[Bin]:
    """The answers to all questions in bins of equal width, without empty bins."""
    predicted, observed = events.predicted.ravel(), events.observed.ravel()
    place = np.minimum((predicted * number).astype(int), number - 1)
    return [
        Bin(float(predicted[here].mean()), float(observed[here].mean()), int(here.sum()))
        for here in (place == each for each in range(number))
        if here.any()
    ]


def log_loss(probabilities: np.ndarray, grades: np.ndarray) -> float:
    """The mean negative log-likelihood of grades (N,) under probabilities (N, K); NaN without a photo."""
    if not len(grades):
        return np.nan
    given = np.take_along_axis(probabilities.astype(float), grades[:, None], axis=1)
    return float(-np.log(np.maximum(given, np.finfo(np.float32).tiny)).mean())
