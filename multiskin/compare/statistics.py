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
from multiskin.compare.words import plural, verdict, whose
from multiskin.metrics.ordinal import HIGHER_IS_BETTER

RESAMPLES = 10_000
BY_GRADE = ("p_recall", "macro_mae", "balanced_accuracy")  # averaged over grades: a photo of a rare one weighs more
FEW = 5  # subjects of a grade, fewer than which a note tells
MEAN = "mean"
INTERVALS = ("trained_low", "trained_high", "method_low", "method_high")


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
            subjects: how many units are; the others are photos of nobody known
            unit_kind: "subjects", "photos", or "subjects and photos" where some subjects are known
            effective_units: how many equal units would make as sure
            gain_percent: multi-task gain, positive if the candidate is better (Maninis et al., 2019); NaN if the
                baseline is not above 0
            verdict: what the method's interval shows, or with one seed that of these trained models
            note: which grades are absent or rare
    """
    units, number = number_units(pairs)
    known = _known_subjects(pairs, units, number)
    values = resampled_metrics(pairs, resamples, seed)
    by_pair = [
        _compared(pair, of_photo, number, of_pair) for pair, of_photo, of_pair in zip(pairs, units, values, strict=True)
    ]
    ordinal = [lines for pair, lines in zip(pairs, by_pair, strict=True) if pair.attribute.ordinal]
    means = [_mean(lines) for lines in zip(*ordinal, strict=True)]
    photos = {pair.attribute.name: len(pair.true) for pair in pairs}
    photos[MEAN] = len(set().union(*(pair.images for pair in pairs if pair.attribute.ordinal)))
    return pd.DataFrame([_row(line, known, photos) for lines in (*by_pair, means) for line in lines])


def _known_subjects(pairs: Sequence[Pair], units: Sequence[np.ndarray], number: int) -> np.ndarray:
    """(U,) whether a unit is a subject, and not a photo of nobody known."""
    known = np.zeros(number, dtype=bool)
    for pair, of_photo in zip(pairs, units, strict=True):
        known[of_photo[pair.subjects != ""]] = True
    return known


def _kind(known: np.ndarray) -> str:
    """What units are called."""
    if known.all() and len(known):
        return "subjects"
    return "subjects and photos" if known.any() else "photos"


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
        graded = pair.true == grade
        photos, subjects = int(graded.sum()), len(np.unique(pair.subjects[graded & (pair.subjects != "")]))
        strangers = len(np.unique(pair.units[graded])) - subjects
        if subjects + strangers < FEW:
            owners = whose(subjects, strangers) if subjects + strangers < photos else ""
            notes.append(
                f"grade {pair.attribute.grade_label(grade)}: {photos or 'no'} {plural(photos, 'photo')}{owners}"
            )
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


def _row(line: Compared, known: np.ndarray, photos: dict[str, int]) -> dict[str, Any]:
    candidate, baseline = line.values[0].mean(axis=1)
    difference = PairedDifference.resampled(line.values[:, 0] - line.values[:, 1], line.shares)
    seeds, higher, unit_kind = len(difference.by_seed), HIGHER_IS_BETTER[line.metric], _kind(known)
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
        "subjects": np.count_nonzero(line.shares[known]),
        "unit_kind": unit_kind,
        "effective_units": effective_number(line.shares),
        "gain_percent": line.gain,
        "verdict": verdict(difference, higher, unit_kind),
        "note": line.note,
    }


def against_itself(compared: pd.DataFrame) -> pd.DataFrame:
    """The lines of a baseline as its own candidate, from those of any candidate: what is known of a difference is 0."""
    differences = ["difference", *INTERVALS, "detectable", "seed_sd", "gain_percent"]
    lines = compared.assign(candidate=compared["baseline"])
    lines[differences] = lines[differences].where(lines[differences].isna(), 0.0)
    return lines.assign(verdict=lines["verdict"].where(lines["difference"].isna(), "the same"))
