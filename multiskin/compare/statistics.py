"""Tabulates how a candidate differs from a baseline in every attribute and metric, with confidence intervals."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from multiskin.compare.answers import Pair
from multiskin.compare.intervals import PairedDifference, effective_number
from multiskin.compare.resampled import number_units, resampled_metrics
from multiskin.compare.words import of_subjects, plural, verdict
from multiskin.metrics.ordinal import HIGHER_IS_BETTER

RESAMPLES = 10_000
BY_GRADE = ("p_recall", "macro_mae", "balanced_accuracy")  # averaged over grades: photos of rare grades weigh more
MIN_SUBJECTS_PER_GRADE = 5  # a grade with fewer subjects is mentioned in a note
MEAN = "mean"
INTERVALS = ("trained_low", "trained_high", "method_low", "method_high")


class MetricComparison(NamedTuple):
    """The data behind one row of the table.

    Attributes:
        attribute: its name, or "mean".
        metric: its name.
        values: (1 + R, 2, S), on the photos themselves and in R resamples, candidate before baseline.
        shares: (U,) weights of units in the metric.
        gain: of the candidate over the baseline, in percent.
        note: on rare grades, or "".
    """

    attribute: str
    metric: str
    values: np.ndarray
    shares: np.ndarray
    gain: float
    note: str


def compare(pairs: Sequence[Pair], resamples: int = RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """Every metric of every attribute and of their mean, for a candidate and a baseline.

    The mean is over ordinal attributes with a graded photo. Each interval has 95 % coverage by itself, with no
    correction for multiple comparisons: about one in twenty misses.

    Args:
        pairs: one for each attribute, all with the same number of seeds.
        resamples: R, of subjects, or of photos whose subject is unknown.
        seed: of the resampling; the same seed draws the same subjects.

    Returns:
        A row for each attribute and metric, with the columns:
            attribute, metric, higher_is_better
            candidate, baseline, difference: means over seeds; the difference is candidate - baseline
            trained_low, trained_high: interval for these trained models, over subjects
            method_low, method_high: interval for the method, over subjects and seeds; NaN with one seed
            detectable: the smallest difference that this test set shows with 80 % probability
            seed_sd: standard deviation of the difference over seeds; NaN with one seed
            seeds, photos, units: how many; units are what is resampled
            subjects: how many units are subjects; the others are photos of unknown subjects
            unit_kind: "subjects", "photos", or "subjects and photos" if only some subjects are known
            effective_units: how many equally weighted units would carry as much information
            gain_percent: multi-task gain, positive if the candidate is better (Maninis et al., 2019); NaN if the
                baseline is not above 0
            verdict: what the method's interval shows; with one seed, what the trained models' interval shows
            note: which grades are absent or rare
    """
    units, number = number_units(pairs)
    is_subject = _subject_mask(pairs, units, number)
    values = resampled_metrics(pairs, resamples, seed)
    by_pair = [
        _compared(pair, of_photo, number, of_pair) for pair, of_photo, of_pair in zip(pairs, units, values, strict=True)
    ]
    ordinal = [lines for pair, lines in zip(pairs, by_pair, strict=True) if pair.attribute.ordinal]
    means = [_mean(lines) for lines in zip(*ordinal, strict=True)]
    photos = {pair.attribute.name: len(pair.true) for pair in pairs}
    photos[MEAN] = len(set().union(*(pair.images for pair in pairs if pair.attribute.ordinal)))
    return pd.DataFrame([_row(line, is_subject, photos) for lines in (*by_pair, means) for line in lines])


def _subject_mask(pairs: Sequence[Pair], units: Sequence[np.ndarray], number: int) -> np.ndarray:
    """(U,) whether a unit is a subject, and not a photo of an unknown subject."""
    is_subject = np.zeros(number, dtype=bool)
    for pair, of_photo in zip(pairs, units, strict=True):
        is_subject[of_photo[pair.subjects != ""]] = True
    return is_subject


def _unit_kind(is_subject: np.ndarray) -> str:
    """What the units are called."""
    if is_subject.all() and len(is_subject):
        return "subjects"
    return "subjects and photos" if is_subject.any() else "photos"


def _compared(pair: Pair, units: np.ndarray, number: int, values: dict[str, np.ndarray]) -> list[MetricComparison]:
    note = _rare_grades(pair)
    lines = []
    for metric, of_metric in values.items():
        by_grade = metric in BY_GRADE
        candidate, baseline = of_metric[0].mean(axis=1)
        gain = gain_percent(candidate, baseline, HIGHER_IS_BETTER[metric])
        shares = _shares(pair.true, units, number, by_grade)
        lines.append(MetricComparison(pair.attribute.name, metric, of_metric, shares, gain, note if by_grade else ""))
    return lines


def _shares(true: np.ndarray, units: np.ndarray, number: int, by_grade: bool) -> np.ndarray:
    """(U,) the share of each unit in a metric in which all photos weigh the same, or all grades do."""
    _, grade, photos = np.unique(true, return_inverse=True, return_counts=True)
    weights = 1 / photos[grade] if by_grade else np.ones(len(true))
    return np.bincount(units, weights / max(weights.sum(), 1), minlength=number)


def _rare_grades(pair: Pair) -> str:
    notes = []
    for grade in range(pair.attribute.grades):
        graded = pair.true == grade
        photos, subjects = int(graded.sum()), len(np.unique(pair.subjects[graded & (pair.subjects != "")]))
        unknown = len(np.unique(pair.units[graded])) - subjects
        if subjects + unknown < MIN_SUBJECTS_PER_GRADE:
            owners = of_subjects(subjects, unknown) if subjects + unknown < photos else ""
            notes.append(
                f"grade {pair.attribute.grade_label(grade)}: {photos or 'no'} {plural(photos, 'photo')}{owners}"
            )
    return "; ".join(notes)


def _mean(lines: Sequence[MetricComparison]) -> MetricComparison:
    """The mean of one metric over attributes, without those that have no graded photo."""
    graded = [line for line in lines if line.shares.any()] or lines
    return MetricComparison(
        MEAN,
        lines[0].metric,
        torch.from_numpy(np.stack([line.values for line in graded])).nanmean(0).numpy(),
        np.mean([line.shares for line in graded], axis=0),
        float(np.mean([line.gain for line in graded])),
        "; ".join(f"{line.attribute}: {line.note}" for line in graded if line.note),
    )


def gain_percent(candidate: float, baseline: float, higher_is_better: bool) -> float:
    """How much better the candidate is, in percent of the baseline; NaN if the baseline is not above 0.

    Source: Maninis, Radosavovic and Kokkinos, 2019, who define multi-task gain as the mean of this over tasks.
    """
    gain = 100 * (candidate - baseline) / baseline if baseline > 0 else math.nan
    return gain if higher_is_better else -gain


def _row(line: MetricComparison, is_subject: np.ndarray, photos: dict[str, int]) -> dict[str, Any]:
    candidate, baseline = line.values[0].mean(axis=1)
    difference = PairedDifference.resampled(line.values[:, 0] - line.values[:, 1], line.shares)
    seeds, higher, unit_kind = len(difference.by_seed), HIGHER_IS_BETTER[line.metric], _unit_kind(is_subject)
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
        "subjects": np.count_nonzero(line.shares[is_subject]),
        "unit_kind": unit_kind,
        "effective_units": effective_number(line.shares),
        "gain_percent": line.gain,
        "verdict": verdict(difference, higher, unit_kind),
        "note": line.note,
    }


def against_itself(compared: pd.DataFrame) -> pd.DataFrame:
    """The rows of a baseline compared with itself, from those of any candidate: all known differences become 0."""
    differences = ["difference", *INTERVALS, "detectable", "seed_sd", "gain_percent"]
    lines = compared.assign(candidate=compared["baseline"])
    lines[differences] = lines[differences].where(lines[differences].isna(), 0.0)
    return lines.assign(verdict=lines["verdict"].where(lines["difference"].isna(), "the same"))
