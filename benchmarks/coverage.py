"""Coverage of the two intervals of a comparison, in simulations where the true difference is known.

    python benchmarks/coverage.py

Gaussian: each subject has its own difference, part of which is shared by all seeds; the intervals are computed from the
covariance over subjects. Graded: two attributes with rare grades and five photos per subject, partly graded; errors are
correlated between all models, and more so between models of one side; `compare` gets their predictions. The variance
over seeds is 0, 1 or 2 times the variance of one seed's difference over test sets.
"""

import argparse
import json
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.polynomial.hermite_e import hermegauss
from numpy.polynomial.polynomial import polyfit, polyval
from scipy.special import ndtr, ndtri
from seeds import RESULTS, commit

from multiskin.compare.answers import Pair, Predictions
from multiskin.compare.intervals import PairedDifference
from multiskin.compare.statistics import compare
from multiskin.metrics.functional import confusion_matrix, ranked_probability_score
from multiskin.metrics.ordinal import summarise
from multiskin.schema import Attribute, Schema

UNITS = (23, 150, 600)  # subjects
SEED_VARIANCES = (0.0, 1.0, 2.0)  # times the sampling variance of one seed's difference
SHARED = (0.0, 0.3, 0.6, 1.0)  # fraction of the sampling variance that seeds share
RESAMPLES = 200  # per comparison; so few cost 0.1 % of coverage, through the noise of the limits
SHARES = {"first": (0.42, 0.30, 0.17, 0.08, 0.03), "second": (0.5, 0.3, 0.2)}  # of the true grades
ATTRIBUTES = Schema(tuple(Attribute(name, len(shares)) for name, shares in SHARES.items()))
PHOTOS, GRADED = 5, 0.6  # photos per subject; fraction of them that is graded for an attribute
NOISE = {"candidate": 0.75, "baseline": 0.85}  # of a model's perception, in standard deviations of the condition
COMMON, OWN = 0.35, 0.45  # fractions of its variance shared by all models, and by the models of one side
SUBJECT_FRACTION = 0.5  # fraction of the variance of conditions and noise shared by all photos of a subject
METRICS = ("p_recall", "kappa", "mae", "macro_mae", "accuracy", "rps")
POPULATION = 300_000  # subjects to compute the true metrics from


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=1000, help="per setting (Gaussian: five times)")
    args, start, checked_out = parser.parse_args(), time.process_time(), commit()
    torch.set_num_threads(1)
    table = pd.DataFrame([*gaussian(5 * args.simulations), *graded(args.simulations)])
    table.to_csv(RESULTS / "coverage.csv", index=False, float_format="%.4f")
    record = {
        "command": f"python benchmarks/coverage.py --simulations {args.simulations}",
        "settings": {"resamples": RESAMPLES, "grades": SHARES, "photos": PHOTOS, "graded": GRADED, "noise": NOISE}
        | {"common_noise": COMMON, "own_noise": OWN, "of_subject": SUBJECT_FRACTION},
        "interval": "two-sided 95 %; mc_error is the standard error of the coverage",
        "cpu_seconds": round(time.process_time() - start),
        "machine": f"{platform.machine()}, threads: 1, no GPU",
        "versions": {name: version(name) for name in ("torch", "numpy", "scipy")},
        "commit": checked_out,
    }
    (RESULTS / "coverage.json").write_text(json.dumps(record, indent=2) + "\n")
    by = ["model", "interval", "seeds", "seed_variance"]
    print(table.groupby(by)["coverage"].agg(["min", "median", "max"]).to_string(float_format="%.3f"))


class Setting(NamedTuple):
    model: str
    seeds: int
    units: int
    shared: float
    attribute: str
    metric: str
    seed_variance: float
    seed_variance_found: float  # of this metric


def rows(setting: Setting, held: np.ndarray, half_widths: np.ndarray) -> Iterator[dict[str, object]]:
    """One row of results per interval, from N simulations of both intervals.

    Simulations "without seeds" are those in which no variation over seeds was detected, so both intervals are the same.

    Args:
        setting: what was simulated.
        held: (N, 2) whether each interval contains the true difference.
        half_widths: (N, 2) of the intervals, NaN where there is none.
    """
    without_seeds = half_widths[:, 0] == half_widths[:, 1]
    for interval, of, widths in zip(("trained", "method"), held.T, half_widths.T, strict=True):
        known = ~np.isnan(widths)
        coverage = of[known].mean()
        yield setting._asdict() | {
            "interval": interval,
            "simulations": len(of),
            "unknown": 1 - known.mean(),
            "coverage": coverage,
            "mc_error": np.sqrt(coverage * (1 - coverage) / known.sum()),
            "median_half_width": np.median(widths[known]),
            "without_seeds": without_seeds[known].mean(),
            "coverage_without_seeds": of[without_seeds].mean() if without_seeds.any() else np.nan,
        }


def gaussian(simulations: int) -> Iterator[dict[str, object]]:
    """Coverage for a mean over subjects, in units of one seed's standard deviation over subjects."""
    for seeds, units, shared, seed_variance in product((2, 3, 5), UNITS, SHARED, SEED_VARIANCES):
        random, found = np.random.default_rng(0), []
        for _ in range(simulations):
            seed_effects = random.normal(scale=np.sqrt(seed_variance / units), size=seeds)
            differences = np.sqrt(shared) * random.normal(size=(units, 1))
            differences = differences + np.sqrt(1 - shared) * random.normal(size=(units, seeds))
            covariance = np.cov(differences, rowvar=False) / units
            difference = PairedDifference(seed_effects + differences.mean(axis=0), covariance, units - 1)
            found.append(evaluate_intervals(difference, seed_effects.mean(), 0.0))
        setting = Setting("gaussian", seeds, units, shared, "", "mean", seed_variance, seed_variance)
        yield from rows(setting, *np.moveaxis(np.array(found), -1, 0))


def evaluate_intervals(difference: PairedDifference, of_models: float, of_method: float) -> list[tuple[bool, float]]:
    """Whether each interval contains its true difference, and half its width."""
    pairs = (difference.trained, of_models), (difference.method, of_method)
    return [(interval.low <= truth <= interval.high, (interval.high - interval.low) / 2) for interval, truth in pairs]


@dataclass(frozen=True)
class Photos:
    """N photos that are graded for one attribute.

    Attributes:
        subjects: (N,) int, the number of each photo's subject.
        condition: (N,) the continuous condition that grades divide into steps.
        true: (N,) true grades.
        errors: for each side, (N,) the errors shared by all of its models, in standard deviations of its noise.
    """

    subjects: np.ndarray
    condition: np.ndarray
    true: np.ndarray
    errors: dict[str, np.ndarray]


def thresholds(name: str) -> np.ndarray:
    """The thresholds of the condition between grades, (K-1,)."""
    return ndtri(np.cumsum(SHARES[name])[:-1])


def photograph(name: str, units: int, random: np.random.Generator) -> Photos:
    subjects = np.repeat(np.arange(units), PHOTOS)
    subjects = subjects[random.random(len(subjects)) < GRADED]

    def effect() -> np.ndarray:
        """(N,) with variance 1, correlated between photos of a subject."""
        subject_effect, photo_effect = random.normal(size=units)[subjects], random.normal(size=len(subjects))
        return np.sqrt(SUBJECT_FRACTION) * subject_effect + np.sqrt(1 - SUBJECT_FRACTION) * photo_effect

    condition, common = effect(), effect()
    errors = {side: np.sqrt(COMMON) * common + np.sqrt(OWN) * effect() for side in NOISE}
    return Photos(subjects, condition, np.searchsorted(thresholds(name), condition), errors)


def predict(name: str, photos: Photos, side: str, skill: np.ndarray, random: np.random.Generator) -> Predictions:
    """Predictions of S models whose noise is exp(skill) times that of their side, for skill (S,)."""
    own = random.normal(size=(len(skill), len(photos.true)))
    deviation = NOISE[side] * np.exp(skill)[:, None]  # (S, 1)
    seen = photos.condition + deviation * (photos.errors[side] + np.sqrt(1 - COMMON - OWN) * own)
    posterior_mean, posterior_sd = seen / (1 + deviation**2), deviation / np.sqrt(1 + deviation**2)
    cumulative = ndtr((thresholds(name) - posterior_mean[..., None]) / posterior_sd[..., None])  # (S, N, K-1)
    predicted = (cumulative < 0.5).sum(axis=-1)  # the median
    return Predictions(predicted, np.diff(cumulative, axis=-1, prepend=0, append=1))


class Truth:
    """The true value of every metric on the population, as a function of a model's skill."""

    def __init__(self, random: np.random.Generator) -> None:
        self.curves = {side: self._curves(side, random) for side in NOISE}

    def _curves(self, side: str, random: np.random.Generator) -> np.ndarray:
        """Coefficients (5, L) of a polynomial in skill for each of the L metrics that `measure` returns."""
        skills = np.linspace(-1, 1, 17)
        population = {name: photograph(name, POPULATION, random) for name in SHARES}
        return polyfit(skills, [measure(population, side, skill, random) for skill in skills], 4)

    def of_models(self, skill: np.ndarray) -> np.ndarray:
        """The true difference (L,) of trained models with skills (2, S), averaged over seeds."""
        candidate, baseline = (polyval(each, curves) for each, curves in zip(skill, self.curves.values(), strict=True))
        return (candidate - baseline).mean(axis=-1)

    def of_method(self, deviation: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean (L,) and variance (L,) of the true difference over seeds, for a standard deviation of the skill."""
        skills, weights = hermegauss(15)
        values = [polyval(deviation * skills, curves) for curves in self.curves.values()]  # (L, 15)
        means = [np.average(each, axis=-1, weights=weights) for each in values]
        squares = [np.average(each**2, axis=-1, weights=weights) for each in values]
        return means[0] - means[1], np.sum(squares, axis=0) - np.sum(np.square(means), axis=0)


def measure(photos: dict[str, Photos], side: str, skill: float, random: np.random.Generator) -> np.ndarray:
    """Every metric of one model for each attribute and for their mean, (L,), in the order of `compare`."""
    confusion = torch.zeros(len(ATTRIBUTES), ATTRIBUTES.max_grades, ATTRIBUTES.max_grades)
    scores = torch.zeros(len(ATTRIBUTES), ATTRIBUTES.max_grades, dtype=torch.float64)
    for h, (name, attribute_photos) in enumerate(photos.items()):
        k, true = ATTRIBUTES[name].grades, torch.from_numpy(attribute_photos.true)
        predictions = predict(name, attribute_photos, side, np.array([skill]), random)
        confusion[h, :k, :k] = confusion_matrix(true, torch.from_numpy(predictions.predicted[0]), k)
        scores[h, 0] = ranked_probability_score(torch.from_numpy(predictions.probabilities[0]), true).sum()
    metrics = summarise(confusion, scores, ATTRIBUTES)
    return np.array([metrics[f"{name}/{metric}"].item() for name, metric in product((*SHARES, "mean"), METRICS)])


def simulate(units: int, skill: np.ndarray, random: np.random.Generator, resamples: int = RESAMPLES) -> pd.DataFrame:
    """The comparison of models with skills (2, S) on newly drawn subjects."""
    pairs = []
    for attribute in ATTRIBUTES:
        photos = photograph(attribute.name, units, random)
        subjects = photos.subjects.astype(str)
        sides = [predict(attribute.name, photos, side, each, random) for side, each in zip(NOISE, skill, strict=True)]
        pairs.append(Pair(attribute, np.arange(len(subjects)).astype(str), subjects, photos.true, *sides))
    return compare(pairs, resamples, seed=int(random.integers(2**32)))


def graded(simulations: int) -> Iterator[dict[str, object]]:
    random = np.random.default_rng(0)
    truth = Truth(random)
    for units in UNITS:
        trials = [simulate(units, np.zeros((2, 1)), random, resamples=0)["difference"] for _ in range(500)]
        sampling = np.var(trials, axis=0, ddof=1)  # (L,) for one seed
        per_deviation = truth.of_method(0.01)[1][0] / 0.01**2  # of the first metric, which defines the seed variance
        for seeds, seed_variance in product((3, 5), SEED_VARIANCES):
            deviation = np.sqrt(seed_variance * sampling[0] / per_deviation)
            yield from graded_setting(truth, seeds, units, seed_variance, deviation, sampling, simulations, random)


def graded_setting(
    truth: Truth,
    seeds: int,
    units: int,
    seed_variance: float,
    deviation: float,
    sampling: np.ndarray,
    simulations: int,
    random: np.random.Generator,
) -> Iterator[dict[str, object]]:
    of_method, variance = truth.of_method(deviation)
    limits, truths = [], []
    for _ in range(simulations):
        skill = deviation * random.normal(size=(2, seeds))
        table = simulate(units, skill, random)
        limits.append(table[["trained_low", "trained_high", "method_low", "method_high"]].to_numpy())
        truths.append(np.stack([truth.of_models(skill), of_method], axis=1))
    low, high = np.moveaxis(np.array(limits).reshape(simulations, -1, 2, 2), -1, 0)  # (N, L, 2) each
    held, widths = (low <= truths) & (truths <= high), (high - low) / 2
    for i, (attribute, metric) in enumerate(product((*SHARES, "mean"), METRICS)):
        setting = Setting("graded", seeds, units, np.nan, attribute, metric, seed_variance, variance[i] / sampling[i])
        yield from rows(setting, held[:, i], widths[:, i])


if __name__ == "__main__":
    main()
