"""Is the candidate better than the baseline, and how sure is that: one table for all attributes and metrics."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from multiskin.compare.answers import Pair
from multiskin.compare.intervals import PairedDifference, effective_number
from multiskin.compare.resampled import number_units, resampled_metrics
from multiskin.metrics.bootstrap import Interval
from multiskin.metrics.ordinal import HIGHER_IS_BETTER

RESAMPLES = 10_000
BY_GRADE = ("p_recall", "macro_mae", "balanced_accuracy")  # averaged over grades: a photo of a rare one weighs more
FEW = 5  # subjects of a grade, fewer than which a note tells
MEAN = "mean"


class Compared(NamedTuple):
    """All that one line of the table tells of.

    Attributes:
        attribute: its name, or "mean".
        metric: its name.
        values: (1 + R, 2, S), as they are and resampled, candidate before baseline.
        shares: (U,) weights of units in the metric.
        gain: of the candidate over the baseline, in percent.
        note: on grades that are rare, or "".
    """

    attribute: str
    metric: str
    values: np.ndarray
    shares: np.ndarray
    gain: float
    note: str


def compare(pairs: Sequence[Pair], resamples: int = RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """Every metric of every attribute and of their mean, for a candidate and a baseline.

    The mean is over ordinal attributes with a graded photo. Each interval is a 95 % one by itself; with many of them,
    one in twenty misses.

    Args:
        pairs: one for each attribute, all with the same number of seeds.
        resamples: R, of the subjects, or of photos where they are unknown.
        seed: the same one draws the same subjects.

    Returns:
        A line for each attribute and metric:
            attribute, metric, higher_is_better
            candidate, baseline, difference: means over seeds; the difference is candidate - baseline
            trained_low, trained_high: interval of these trained models, over subjects
            method_low, method_high: interval of the method, over subjects and seeds; NaN with one seed
            detectable: the smallest difference that this test set shows with 80 % probability
            seed_sd: deviation of the difference over seeds; NaN with one seed
            seeds, photos, units: how many; units are what is drawn
            unit_kind: "subjects" or "photos"
            effective_units: how many equal units would make as sure
            gain_percent: multi-task gain, positive if the candidate is better (Maninis et al., 2019); NaN if the
                baseline is not above 0
            verdict: what the method's interval shows, or with one seed that of these trained models
            note: which grades are absent or rare
    """
    units, number = number_units(pairs)
    subjects = any((pair.subjects != "").any() for pair in pairs)
    values = resampled_metrics(pairs, resamples, seed)
    by_pair = [
        _compared(pair, of_photo, number, of_pair) for pair, of_photo, of_pair in zip(pairs, units, values, strict=True)
    ]
    ordinal = [lines for pair, lines in zip(pairs, by_pair, strict=True) if pair.attribute.ordinal]
    means = [_mean(lines) for lines in zip(*ordinal, strict=True)]
    photos = {pair.attribute.name: len(pair.true) for pair in pairs}
    photos[MEAN] = len(set().union(*(pair.images for pair in pairs if pair.attribute.ordinal)))
    rows = [_row(line, "subjects" if subjects else "photos", photos) for lines in (*by_pair, means) for line in lines]
    return pd.DataFrame(rows)


def _compared(pair: Pair, units: np.ndarray, number: int, values: dict[str, np.ndarray]) -> list[Compared]:
    note = _rare_grades(pair)
    lines = []
    for metric, of_metric in values.items():
        by_grade = metric in BY_GRADE
        candidate, baseline = of_metric[0].mean(axis=1)
        gain = gain_percent(candidate, baseline, HIGHER_IS_BETTER[metric])
        shares = _shares(pair.true, units, number, by_grade)
        lines.append(Compared(pair.attribute.name, metric, of_metric, shares, gain, note if by_grade else ""))
    return lines


def _shares(true: np.ndarray, units: np.ndarray, number: int, by_grade: bool) -> np.ndarray:
    """(U,) how much of a metric hangs on each unit: on its photos alike, or on photos of every grade as much."""
    _, grade, photos = np.unique(true, return_inverse=True, return_counts=True)
    weights = 1 / photos[grade] if by_grade else np.ones(len(true))
    return np.bincount(units, weights / max(weights.sum(), 1), minlength=number)


def _rare_grades(pair: Pair) -> str:
    notes = []
    for grade in range(pair.attribute.grades):
        of_grade = pair.units[pair.true == grade]
        photos, units = len(of_grade), len(np.unique(of_grade))
        if units < FEW:
            whose = f" of {units} subjects" if units < photos else ""
            notes.append(f"grade {pair.attribute.grade_label(grade)}: {photos or 'no'} photos{whose}")
    return "; ".join(notes)


def _mean(lines: Sequence[Compared]) -> Compared:
    """Of one metric over attributes; those without a graded photo are left out."""
    known = [line for line in lines if line.shares.any()] or lines
    return Compared(
        MEAN,
        lines[0].metric,
        torch.from_numpy(np.stack([line.values for line in known])).nanmean(0).numpy(),
        np.mean([line.shares for line in known], axis=0),
        float(np.mean([line.gain for line in known])),
        "; ".join(f"{line.attribute}: {line.note}" for line in known if line.note),
    )


def gain_percent(candidate: float, baseline: float, higher_is_better: bool) -> float:
    """How much better than the baseline, in percent of it; NaN if that is not above 0 and so no measure.

    Source: Maninis, Radosavovic and Kokkinos, 2019, whose multi-task gain is the mean of this over tasks.
    """
    gain = 100 * (candidate - baseline) / baseline if baseline > 0 else math.nan
    return gain if higher_is_better else -gain


def _row(line: Compared, unit_kind: str, photos: dict[str, int]) -> dict[str, Any]:
    candidate, baseline = line.values[0].mean(axis=1)
    difference = PairedDifference.resampled(line.values[:, 0] - line.values[:, 1], line.shares)
    seeds, higher = len(difference.by_seed), HIGHER_IS_BETTER[line.metric]
    return {
        "attribute": line.attribute,
        "metric": line.metric,
        "higher_is_better": higher,
        "candidate": candidate,
        "baseline": baseline,
        "difference": difference.value,
        "trained_low": difference.trained.low,
        "trained_high": difference.trained.high,
        "method_low": difference.method.low,
        "method_high": difference.method.high,
        "detectable": difference.detectable,
        "seed_sd": difference.seed_deviation,
        "seeds": seeds,
        "photos": photos[line.attribute],
        "units": np.count_nonzero(line.shares),
        "unit_kind": unit_kind,
        "effective_units": effective_number(line.shares),
        "gain_percent": line.gain,
        "verdict": _verdict(difference, higher, unit_kind),
        "note": line.note,
    }


def _verdict(difference: PairedDifference, higher_is_better: bool, unit_kind: str) -> str:
    if math.isnan(difference.value):
        return "unknown: no graded photo"
    if math.isnan(difference.trained.low):
        return f"unknown: too few {unit_kind}"
    if len(difference.by_seed) > 1:
        return in_words(difference.method, higher_is_better)
    return f"as trained: {in_words(difference.trained, higher_is_better)}; of the method one seed shows nothing"


def in_words(interval: Interval, higher_is_better: bool) -> str:
    """What an interval of a difference shows, and no more."""
    worst, best = (interval.low, interval.high) if higher_is_better else (-interval.high, -interval.low)
    if worst == best == 0:
        return "the same"
    if worst > 0:
        return "better"
    if best < 0:
        return "worse"
    return f"no difference shown; at most {_rounded_up(-worst)} worse or {_rounded_up(best)} better"


def _rounded_up(value: float) -> str:
    return f"{math.ceil(1000 * value) / 1000:.3f}"
