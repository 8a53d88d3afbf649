"""The metrics of candidate and baseline, on the photos themselves and in every resample of the subjects.

All attributes, models and seeds share the resamples, so that differences and means are paired. Each unit is first
reduced to its counts of (true grade, predicted grade), so that a resample costs one matrix product.
"""

from collections.abc import Sequence

import numpy as np
import torch

from multiskin.compare.answers import Pair, Predictions
from multiskin.metrics import functional as of
from multiskin.metrics.bootstrap import metric_values, unit_weights

ORDINAL = {
    "p_recall": of.p_recall,
    "kappa": of.quadratic_kappa,
    "mae": of.mae,
    "macro_mae": of.macro_mae,
    "accuracy": of.accuracy,
}
RPS = "rps"  # also for ordinal attributes, but computed from probabilities
NOMINAL = {"balanced_accuracy": of.macro_recall}
SCALE = 2.0**30  # scores are rounded to multiples of 1 / SCALE, so that their sums are exact in any order


def number_units(pairs: Sequence[Pair]) -> tuple[list[np.ndarray], int]:
    """The index of each photo's unit, (N,) for each pair, and the number of units in all pairs."""
    names, numbers = np.unique(np.concatenate([pair.units for pair in pairs]), return_inverse=True)
    ends = np.cumsum([len(pair.true) for pair in pairs])[:-1]
    return np.split(numbers, ends), len(names)


def resampled_metrics(pairs: Sequence[Pair], resamples: int, seed: int) -> list[dict[str, np.ndarray]]:
    """Each metric of each pair: (1 + R, 2, S), on the photos themselves and in R resamples, candidate before baseline.

    NaN where a metric is undefined, as in a resample without a graded photo.
    """
    units, number = number_units(pairs)
    sums = [_sums_by_unit(pair, of_photo, number) for pair, of_photo in zip(pairs, units, strict=True)]
    parts: list[list[dict[str, np.ndarray]]] = [[] for _ in pairs]
    for weights in unit_weights(number, resamples, seed):
        for part, pair, by_unit in zip(parts, pairs, sums, strict=True):
            part.append(_metrics(weights @ by_unit, pair))
    return [{metric: np.concatenate([chunk[metric] for chunk in part]) for metric in part[0]} for part in parts]


def _sums_by_unit(pair: Pair, units: np.ndarray, number: int) -> np.ndarray:
    """Each unit's confusion matrix and summed RPS for each side and seed, flattened: (U, 2 * S * (K * K + 1))."""
    models = [sums for side in (pair.candidate, pair.baseline) for sums in _by_model(pair, side, units, number)]
    return np.concatenate(models, axis=1)


def _by_model(pair: Pair, side: Predictions, units: np.ndarray, number: int) -> list[np.ndarray]:
    """The same for the models of one side: (U, K * K + 1) for each seed."""
    k, by_seed = pair.attribute.grades, []
    for predicted, probabilities in zip(side.predicted, side.probabilities, strict=True):
        scores = of.ranked_probability_score(torch.from_numpy(probabilities), torch.from_numpy(pair.true)).numpy()
        sums = np.zeros((number, k * k + 1))
        np.add.at(sums, (units, k * pair.true + predicted), 1)
        np.add.at(sums[:, -1], units, np.round(scores * SCALE) / SCALE)
        by_seed.append(sums)
    return by_seed


def _metrics(sums: np.ndarray, pair: Pair) -> dict[str, np.ndarray]:
    """Each metric in r resamples: (r, 2 * S * (K * K + 1)) to (r, 2, S)."""
    k, shape = pair.attribute.grades, (len(sums), 2, pair.seeds)
    by_model = torch.from_numpy(sums).reshape(-1, k * k + 1)  # (r * 2 * S, K * K + 1)
    confusions = by_model[:, :-1].reshape(-1, k, k)
    values = {
        name: metric_values(metric, confusions)
        for name, metric in (ORDINAL if pair.attribute.ordinal else NOMINAL).items()
    }
    if pair.attribute.ordinal:
        values[RPS] = (by_model[:, -1] / confusions.sum((1, 2))).numpy()
    return {name: each.reshape(shape) for name, each in values.items()}
