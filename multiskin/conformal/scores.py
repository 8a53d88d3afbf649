"""How much probability is spent before a grade is reached: the higher the score, the less the grade fits the photo.

Ordered grades are reached by an interval that grows from the mode, so that sets of low scores have no gaps: Ordinal APS
of Lu, Angelopoulos and Pomerantz: Improving Trustworthiness of AI Disease Severity Rating in Medical Imaging with
Ordinal Conformal Prediction Sets, MICCAI 2022. Its sets grow until they hold more than a threshold, so that a grade is
in as soon as the grades before it hold no more. Grades without an order are reached from the most probable one down:
APS of Romano, Sesia and Candès: Classification with Valid and Adaptive Coverage, NeurIPS 2020.
"""

from collections.abc import Callable

import numpy as np

from multiskin.schema import Kind


def interval_order(probabilities: np.ndarray) -> np.ndarray:
    """The grades in the order in which an interval grown from the mode takes them in: (N, K) to (N, K).

    The interval takes the more probable of its neighbours. Of equals it takes the lower, as the mode is the lowest.
    """
    photos, grades = probabilities.shape
    row = np.arange(photos)
    fenced = np.pad(probabilities, ((0, 0), (1, 1)), constant_values=-1.0)  # (N, K + 2), nothing to take at the ends
    low = high = fenced.argmax(axis=1)
    order = np.empty((photos, grades), dtype=np.int64)
    order[:, 0] = low - 1
    for step in range(1, grades):
        down = fenced[row, low - 1] >= fenced[row, high + 1]
        low, high = low - down, high + ~down
        order[:, step] = np.where(down, low, high) - 1
    return order


def descending_order(probabilities: np.ndarray) -> np.ndarray:
    """The grades from the most probable one down, the lower of equals first: (N, K) to (N, K)."""
    return np.argsort(-probabilities, axis=1, kind="stable")


ORDERS: dict[Kind, Callable[[np.ndarray], np.ndarray]] = {"ordinal": interval_order, "nominal": descending_order}


def nonconformity(probabilities: np.ndarray, order: np.ndarray, chance: np.ndarray | None = None) -> np.ndarray:
    """The score of every grade: the probability of the grades before it, so that the mode's is 0.

    Args:
        probabilities: (N, K).
        order: (N, K) the grades of each photo as they are reached.
        chance: (N,) uniform draws from 0..1, which add so much of a grade's own probability to its score. Then no
            two scores are equal, and sets cover exactly as often as asked; but another draw gives another set of the
            same photo, and it may be empty. Without them a set holds the mode always, and covers more often for that.

    Returns:
        (N, K) float64, ascending along the order.
    """
    taken = np.take_along_axis(probabilities.astype(np.float64), order, axis=1)
    before = np.pad(taken.cumsum(axis=1)[:, :-1], ((0, 0), (1, 0)))
    scores = np.empty_like(before)
    np.put_along_axis(scores, order, before if chance is None else before + chance[:, None] * taken, axis=1)
    return scores
