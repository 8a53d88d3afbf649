"""From severities to grades and back: thresholds, raters who are sometimes off by one, and grade frequencies."""

from collections.abc import Sequence

import numpy as np

GRADES = 5
RATER_ERROR = 0.1  # how often a rater is off by one


def grade_of(severity: float) -> int:
    """The true grade: thresholds at 1/5, 2/5, 3/5 and 4/5."""
    return min(int(severity * GRADES), GRADES - 1)


def draw_severity(grade: int, rng: np.random.Generator) -> float:
    """A severity of this grade, more often near the middle of its range than near a threshold."""
    return (grade + rng.beta(2, 2)) / GRADES


def rate(grade: int, rng: np.random.Generator) -> int:
    """A rater's grade: the true one or, with probability RATER_ERROR, the next one up or down."""
    wrong, upwards = rng.random() < RATER_ERROR, rng.random() < 0.5
    if not wrong:
        return grade
    return grade + 1 if grade == 0 or (upwards and grade < GRADES - 1) else grade - 1


def apportion(shares: Sequence[float], count: int) -> list[int]:
    """Splits a count in proportion to shares, by the largest remainder: the parts add up to the count."""
    quotas = np.asarray(shares, dtype=float) / np.sum(shares) * count
    parts = np.floor(quotas).astype(int)
    parts[np.argsort(parts - quotas, kind="stable")[: count - parts.sum()]] += 1
    return parts.tolist()


def spread(histogram: Sequence[int], evenness: float, count: int, rng: np.random.Generator) -> list[int]:
    """Grades in random order whose frequencies follow a histogram.

    Args:
        histogram: number of photos of each grade.
        evenness: 0 keeps the histogram's skew, 1 makes all grades equally frequent.
        count: how many grades to return.
        rng: random numbers for the order.
    """
    shares = np.asarray(histogram, dtype=float) ** (1 - evenness)
    return rng.permutation(np.repeat(np.arange(len(histogram)), apportion(shares.tolist(), count))).tolist()
