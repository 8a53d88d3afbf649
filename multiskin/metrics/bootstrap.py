"""Confidence intervals of metrics by a cluster bootstrap over subjects, since photos of one person are correlated.

Each resample is a set of confusion matrices, from which metrics are computed as from the original ones. All heads share
the resamples, as do two models on the same photos with the same seed, so that means over heads and differences between
models have intervals, too. Sources: Efron, 1979; for clusters, Field and Welsh, 2007.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from multiskin.schema import MISSING

RESAMPLES = 2000
CHUNK = 100  # resamples drawn at a time, so that ten thousand photos take only megabytes
LIMITS = (2.5, 97.5)  # percentiles


class Interval(NamedTuple):
    """A value and its 95 % interval; NaN where undefined."""

    value: float
    low: float
    high: float


def sampling_units(names: Iterable[str]) -> np.ndarray:
    """The index (N,) of the unit that each photo is drawn with, from 0, given the name of each photo's unit."""
    indices: dict[str, int] = {}
    return np.array([indices.setdefault(name, len(indices)) for name in names], dtype=np.int64)


def unit_weights(number: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """The multiplicity of each of U units: once in the original sample, then as drawn in each of R resamples.

    Yields:
        (r, U) float64, 1 + R rows in total. The resamples are NaN if there is only one unit, since the spread between
        units is then unknown.
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
    """The confusion matrices of the photos, then those of each resample.

    Args:
        grades: (N, H) int64 true grades, -1 where missing.
        decisions: (N, H) int64.
        units: (N,) the index of the unit that each photo is drawn with, from sampling_units.
        num_grades: Kmax.
        resamples: R.
        seed: seed of the draws.

    Returns:
        (1 + R, H, Kmax, Kmax) float64 counts, true grade in rows. The resamples are NaN if there is only one unit.
    """
    counts = _counts_by_unit(grades, decisions, units, num_grades)
    parts = [weights @ counts for weights in unit_weights(len(counts), resamples, seed)]
    return torch.from_numpy(np.concatenate(parts)).unflatten(1, (grades.shape[1], num_grades, num_grades))


def _counts_by_unit(grades: np.ndarray, decisions: np.ndarray, units: np.ndarray, num_grades: int) -> np.ndarray:
    """Each unit's confusion matrices, flattened: (U, H * Kmax * Kmax)."""
    shape = (grades.shape[1], num_grades, num_grades)
    photo, head = np.nonzero(grades != MISSING)
    cell = np.ravel_multi_index((head, grades[photo, head], decisions[photo, head]), shape)
    counts = np.zeros((units.max() + 1, np.prod(shape)))
    np.add.at(counts, (units[photo], cell), 1)
    return counts


def metric_values(metric: Callable[[Tensor], Tensor], confusions: Tensor) -> np.ndarray:
    """The metric's value for each confusion matrix: (1 + R, K, K) to (1 + R,)."""
    return torch.vmap(metric)(confusions).numpy()


def interval(values: np.ndarray) -> Interval:
    """The first of (1 + R,) values with the 95 % percentile interval of the others, ignoring NaN."""
    known = values[1:][~np.isnan(values[1:])]
    low, high = np.percentile(known, LIMITS) if len(known) else (np.nan, np.nan)
    return Interval(float(values[0]), float(low), float(high))
