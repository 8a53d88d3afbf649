"""Nonconformity scores: the probability of the grades that enter a set before a grade; high scores mean a poor fit.

Ordered grades enter by growing an interval from the mode, so that sets of low scores have no gaps: Ordinal APS of Lu,
Angelopoulos and Pomerantz, Improving Trustworthiness of AI Disease Severity Rating in Medical Imaging with Ordinal
Conformal Prediction Sets, MICCAI 2022. Its sets grow until their probability exceeds a threshold, so a grade is in the
set if the probability of the grades before it does not. Unordered grades enter from the most probable one down: APS of
Romano, Sesia and Candès, Classification with Valid and Adaptive Coverage, NeurIPS 2020.
"""

from collections.abc import Callable

import numpy as np

from multiskin.schema import Kind


def interval_order(probabilities: np.ndarray) -> np.ndarray:
    """The grades in the order in which an interval grown from the mode includes them: (N, K) to (N, K).

    The interval grows by the more probable of its two neighbours. Ties go to the lower grade, for the mode as well.
    """
    photos, grades = probabilities.shape
    row = np.arange(photos)
    padded = np.pad(probabilities, ((0, 0), (1, 1)), constant_values=-1.0)  # (N, K + 2), so that the ends never win
    low = high = padded.argmax(axis=1)
    order = np.empty((photos, grades), dtype=np.int64)
    order[:, 0] = low - 1
    for step in range(1, grades):
        down = padded[row, low - 1] >= padded[row, high + 1]
        low, high = low - down, high + ~down
        order[:, step] = np.where(down, low, high) - 1
    return order


def descending_order(probabilities: np.ndarray) -> np.ndarray:
    """The grades from the most probable one down, ties to the lower grade: (N, K) to (N, K)."""
    return np.argsort(-probabilities, axis=1, kind="stable")


ORDERS: dict[Kind, Callable[[np.ndarray], np.ndarray]] = {"ordinal": interval_order, "nominal": descending_order}


def nonconformity(probabilities: np.ndarray, order: np.ndarray, chance: np.ndarray | None = None) -> np.ndarray:
    """The score of every grade: the total probability of the grades before it, so that the mode's is 0.

    Args:
        probabilities: (N, K).
        order: (N, K) the grades of each photo in the order in which they enter the set.
        chance: (N,) uniform draws from [0, 1] that randomize the scores by adding this fraction of a grade's own
            probability. Scores then have no ties and coverage is exact, but a photo's set depends on the draw and may
            be empty. Without them, a set always contains the mode and coverage is conservative.

    Returns:
        (N, K) float64, ascending along the order.
    """
    taken = np.take_along_axis(probabilities.astype(np.float64), order, axis=1)
    before = np.pad(taken.cumsum(axis=1)[:, :-1], ((0, 0), (1, 0)))
    scores = np.empty_like(before)
    np.put_along_axis(scores, order, before if chance is None else before + chance[:, None] * taken, axis=1)
    return scores
