"""How sure a metric is: a bootstrap that draws subjects, since the photos of one person are alike.

Every resample is a set of confusion matrices, from which each metric is computed just as from the whole. All heads
share the resamples, and so do two models on the same photos with the same seed, so that means over heads and
differences between models have intervals too. Source: Efron, 1979; for whole clusters: Field and Welsh, 2007.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from multiskin.schema import MISSING

RESAMPLES = 2000
CHUNK = 100  # resamples, so that ten thousand photos take only megabytes
LIMITS = (2.5, 97.5)  # percentiles


class Interval(NamedTuple):
    """A value and its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


def sampling_units(names: Iterable[str]) -> np.ndarray:
    """The unit that each photo is drawn with: (N,) numbers from 0, by the unit's name."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def unit_weights(number: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each of U units counts: once, and then in each of R resamples as often as it is drawn.

    Yields:
        (r, U) float64, 1 + R rows in all. The resamples are NaN if there is only one unit, since nothing is then known
        about how another one would do.
    """
    yield np.ones((1, number))
    random = np.random.default_rng(seed)
    for start in range(0, resamples, CHUNK):
        shape = (min(CHUNK, resamples - start), number)
        drawn = random.multinomial(number, np.full(number, 1 / number), shape[0]) if number > 1 else np.nan
        yield np.full(shape, drawn, dtype=float)


def resampled_confusions(
    grades: np.ndarray,
    decisions: np.ndarray,
    units: np.ndarray,
    num_grades: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Tensor:
    """The confusion matrices of the photos as they are, then of each resample.

    Args:
        grades: (N, H) true grades, -1 where missing.
        decisions: (N, H) int64.
        units: (N,) the unit that each photo is drawn with, from sampling_units.
        num_grades: Kmax.
        resamples: R.
        seed: the same one draws the same units.

    Returns:
        (1 + R, H, Kmax, Kmax) float64 counts, true grade in rows. The resamples are NaN if there is only one unit.
    """
    counts = _counts_by_unit(grades, decisions, units, num_grades)
    parts = [weights @ counts for weights in unit_weights(len(counts), resamples, seed)]
    return torch.from_numpy(np.concatenate(parts)).unflatten(1, (grades.shape[1], num_grades, num_grades))


def _counts_by_unit(grades: np.ndarray, decisions: np.ndarray, units: np.ndarray, num_grades: int) -> np.ndarray:
    """Each unit's confusion matrices, flat: (U, H * Kmax * Kmax)."""
    shape = (grades.shape[1], num_grades, num_grades)
    photo, head = np.nonzero(grades != MISSING)
    cell = np.ravel_multi_index((head, grades[photo, head], decisions[photo, head]), shape)
    counts = np.zeros((units.max() + 1, np.prod(shape)))
    np.add.at(counts, (units[photo], cell), 1)
    return counts


def metric_values(metric: Callable[[Tensor], Tensor], confusions: Tensor) -> np.ndarray:
    """A metric computed from each confusion matrix: (1 + R, K, K) to (1 + R,)."""
    return torch.vmap(metric)(confusions).numpy()


def interval(values: np.ndarray) -> Interval:
    """The first of (1 + R,) values with the 95 % percentile interval of the others, NaN left out."""
    known = values[1:][~np.isnan(values[1:])]
    low, high = np.percentile(known, LIMITS) if len(known) else (np.nan, np.nan)
    return Interval(float(values[0]), float(low), float(high))
