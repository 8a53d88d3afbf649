"""Metrics of heads on frozen features, after calibration and decision, compared with the cross-entropy baseline.

Losses are ranked on validation photos; test photos are used only for what the table shows. Differences are paired by
seed and by subject. Their intervals are those of the method: they include the variation over training subjects (seeds)
and over test subjects.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from probes import Chosen, Graded
from recalibrated import AS_TRAINED, CALIBRATED, first_half
from torch import Tensor

from multiskin.calibration import fit_calibrator, natural_shares
from multiskin.compare.intervals import PairedDifference
from multiskin.decisions import DECISIONS, decide
from multiskin.losses import LOSSES
from multiskin.metrics import functional as of
from multiskin.metrics.bootstrap import metric_values, resampled_confusions, unit_weights
from multiskin.schema import MISSING

BASELINE = "cross_entropy"
RESAMPLES = 1000
P_RECALL, RPS, KAPPA = "p_recall", "rps_balanced", "kappa"
GAIN, LESS = "credit_less_argmax", "credit_less_baseline"  # differences of P-Recall
DIFFERENCE = ("difference", "difference_low", "difference_high")  # from the baseline
CHOSEN_BY = (P_RECALL, "credit")  # metric and decision
TEST_METRICS = ((P_RECALL, "argmax"), (P_RECALL, "credit"), (RPS, ""), (KAPPA, "argmax"))  # on test photos


class Predictions(NamedTuple):
    """Predictions of N photos by the heads of one loss for one attribute, one per seed.

    Attributes:
        probabilities: (S, N, K).
        priors: (S, P, K) the grade distribution that the probabilities of each part of the photos assume.
        part: (N,) the part of each photo, 0..P-1.
    """

    probabilities: Tensor
    priors: Tensor
    part: Tensor

    def decided(self, decision: str) -> Tensor:
        """The grades (N, S) that a decision rule gives."""
        seeds, photos, _ = self.probabilities.shape
        grades = torch.empty(photos, seeds, dtype=torch.int64)
        for seed, part in product(range(seeds), range(self.priors.shape[1])):
            own = self.part == part
            grades[own, seed] = decide(decision, self.probabilities[seed, own], self.priors[seed, part])
        return grades


def uncalibrated(chosen: Chosen, side: str, *_: object) -> Predictions:
    """The uncalibrated predictions."""
    probabilities = getattr(chosen, side)  # (S, N, K)
    seeds, photos, _ = probabilities.shape
    return Predictions(probabilities, chosen.prior.expand(seeds, 1, -1), torch.zeros(photos, dtype=torch.int64))


def calibrated(method: str, chosen: Chosen, side: str, loss: str, val: Graded, counts: np.ndarray) -> Predictions:
    """Predictions calibrated on validation photos, for each seed; validation photos on the other half of the subjects.

    Args:
        method: the calibration method.
        chosen: the heads of a loss.
        side: the photos to predict, val or test.
        loss: the name of the loss.
        val: the validation photos.
        counts: (K,) how many training photos have each grade; they are drawn as they are.
    """
    true, drawn = val.grades.numpy(), LOSSES[loss].calibrated_prior(chosen.prior.numpy(), counts / counts.sum())
    raw: Tensor = getattr(chosen, side)  # (S, N, K)
    part, fitted_to = parts(side, raw.shape[1], val)
    adjusted, priors = torch.empty_like(raw), raw.new_empty(len(raw), len(fitted_to), len(counts))
    for (seed, of_val), (p, rows) in product(enumerate(chosen.val), enumerate(fitted_to)):
        natural = natural_shares(true[rows], counts, val.units[rows])
        calibrator = fit_calibrator(method, of_val[rows].numpy(), true[rows], drawn, natural)
        adjusted[seed, part == p] = calibrator(raw[seed, part == p])
        priors[seed, p] = raw.new_tensor(calibrator.prior)
    return Predictions(adjusted, priors, part)


def parts(side: str, photos: int, val: Graded) -> tuple[Tensor, list[np.ndarray]]:
    """The part of each photo (N,), and for each part a mask (V,) of the validation photos that calibrate it."""
    graded = (val.grades != MISSING).numpy()
    if side != "val":
        return torch.zeros(photos, dtype=torch.int64), [graded]
    half = first_half(val.units).astype(np.int64)
    return torch.from_numpy(half), [graded & (half != own) for own in (0, 1)]


CALIBRATIONS: dict[str, Callable[..., Predictions]] = {
    AS_TRAINED: uncalibrated,
    "temperature": partial(calibrated, "temperature"),
    CALIBRATED: partial(calibrated, CALIBRATED),
}


class Measured(NamedTuple):
    """A metric averaged over attributes.

    Attributes:
        values: (1 + R, S), on all photos, then on R resamples of subjects.
        shares: (U,) the share of each subject in the metric.
    """

    values: np.ndarray
    shares: np.ndarray

    def paired(self, other: "Measured | None" = None) -> dict[str, float]:
        """The mean over seeds, or its difference from another's, with the interval of the method."""
        values = self.values - other.values if other else self.values
        return PairedDifference.resampled(values, self.shares).method._asdict()


def measured(
    predictions: Sequence[Predictions], photos: Sequence[Graded], metric: str, decision: str, resamples: int
) -> Measured:
    """A metric averaged over attributes, with the same resamples for all of them."""
    each = [values_of(*of_head, metric, decision, resamples) for of_head in zip(predictions, photos, strict=True)]
    shares = [shares_of(of_head, by_grade=metric != "kappa") for of_head in photos]
    return Measured(np.nanmean(each, axis=0), np.mean(shares, axis=0))


def values_of(predictions: Predictions, photos: Graded, metric: str, decision: str, resamples: int) -> np.ndarray:
    """A metric of one attribute (1 + R, S)."""
    grades, k = photos.grades[:, None], predictions.probabilities.shape[2]
    if metric == RPS:
        return means_by_grade(
            of.ranked_probability_score(predictions.probabilities, photos.grades).T, photos, k, resamples
        )
    decided = predictions.decided(decision)  # (N, S)
    if metric == P_RECALL:
        return means_by_grade(of.credit_matrix(k)[grades, decided], photos, k, resamples)
    confusions = resampled_confusions(
        grades.expand_as(decided).numpy(), decided.numpy(), photos.units, k, resamples
    )  # (1 + R, S, K, K)
    return metric_values(of.quadratic_kappa, confusions.flatten(0, 1)).reshape(-1, decided.shape[1])


def means_by_grade(scores: Tensor, photos: Graded, num_grades: int, resamples: int) -> np.ndarray:
    """Means (1 + R, S) of scores (N, S) over the photos of each grade, then over the grades that occur."""
    known, number = (photos.grades != MISSING).numpy(), photos.units.max() + 1
    counted = np.column_stack([scores.numpy(), np.ones(len(scores))])[known]  # (n, S + 1), a count in the last column
    sums = np.zeros((number, num_grades, counted.shape[1]))
    np.add.at(sums, (photos.units[known], photos.grades.numpy()[known]), counted)
    drawn = np.concatenate([weights @ sums.reshape(number, -1) for weights in unit_weights(number, resamples, seed=0)])
    by_grade = torch.from_numpy(drawn).unflatten(1, sums.shape[1:])
    return (by_grade[..., :-1] / by_grade[..., -1:]).nanmean(dim=1).numpy()


def shares_of(photos: Graded, by_grade: bool) -> np.ndarray:
    """The weight (U,) of each subject in a metric that weights all photos equally, or all grades."""
    known = photos.known()
    _, grade, count = known.grades.unique(return_inverse=True, return_counts=True)
    weights = (1 / count[grade] if by_grade else torch.ones(len(grade))).numpy()
    return np.bincount(known.units, weights / weights.sum(), minlength=photos.units.max() + 1)


class Study(NamedTuple):
    """The heads of all losses on one data set.

    Attributes:
        chosen: by loss, the chosen heads of each attribute.
        val: the validation photos of each attribute.
        test: the test photos of each attribute.
        counts: for each attribute, how many training photos have each grade, (K,).
    """

    chosen: Mapping[str, Sequence[Chosen]]
    val: Sequence[Graded]
    test: Sequence[Graded]
    counts: Sequence[np.ndarray]

    def table(self) -> pd.DataFrame:
        """One row per loss, side, calibration, decision and metric, with the best loss on validation first."""
        val = pd.DataFrame(self._validation())
        table = pd.concat([val, pd.DataFrame(self._tested())], ignore_index=True)
        return table.sort_values("loss", key=lambda losses: losses.map(ranked(val).index), kind="stable")

    def _validation(self) -> Iterator[dict]:
        """All combinations on validation photos, and the difference of the deciding metric from the baseline."""
        read, baseline = [*product((P_RECALL, KAPPA), DECISIONS), (RPS, "")], self._decisive(BASELINE)
        for loss, calibration in product(self.chosen, CALIBRATIONS):
            predictions = self.predictions(loss, calibration, "val")
            for metric, decision in read:
                values = measured(predictions, self.val, metric, decision, resamples=0).values
                yield line(loss, "val", calibration, decision, metric) | {"value": values[0].mean()}
        for loss in self.chosen:
            yield line(loss, "val", CALIBRATED, "credit", LESS) | self._decisive(loss).paired(baseline)

    def _decisive(self, loss: str) -> Measured:
        return measured(self.predictions(loss, CALIBRATED, "val"), self.val, *CHOSEN_BY, resamples=RESAMPLES)

    def _tested(self) -> Iterator[dict]:
        """The metrics of test photos that the table shows, with intervals and differences from the baseline."""
        baseline = self._test_values(BASELINE)
        for loss in self.chosen:
            values = self._test_values(loss)
            for (metric, decision), of_loss in values.items():
                yield line(loss, "test", CALIBRATED, decision, metric) | with_difference(
                    of_loss, baseline[metric, decision]
                )
            gain = values[P_RECALL, "credit"].paired(values[P_RECALL, "argmax"])
            yield line(loss, "test", CALIBRATED, "credit", GAIN) | gain

    def _test_values(self, loss: str) -> dict[tuple[str, str], Measured]:
        predictions = self.predictions(loss, CALIBRATED, "test")
        return {read: measured(predictions, self.test, *read, resamples=RESAMPLES) for read in TEST_METRICS}

    def predictions(self, loss: str, calibration: str, side: str) -> list[Predictions]:
        """The predictions for each attribute."""
        return [
            CALIBRATIONS[calibration](chosen, side, loss, *of_head)
            for chosen, *of_head in zip(self.chosen[loss], self.val, self.counts, strict=True)
        ]


def ranked(table: pd.DataFrame) -> list[str]:
    """Losses by P-Recall of validation photos, calibrated and decided by credit, with the best first."""
    return decisive(table).sort_values("value", ascending=False, kind="stable")["loss"].tolist()


def decisive(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that losses are ranked by."""
    metric, decision = CHOSEN_BY
    wanted = {"side": "val", "calibration": CALIBRATED, "metric": metric, "decision": decision}
    return table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)]


def with_difference(measured: Measured, baseline: Measured) -> dict[str, float]:
    """A metric and its difference from the baseline, with their intervals."""
    return measured.paired() | dict(zip(DIFFERENCE, measured.paired(baseline).values(), strict=True))


def line(loss: str, side: str, calibration: str, decision: str, metric: str) -> dict[str, str]:
    return {"loss": loss, "side": side, "calibration": calibration, "decision": decision, "metric": metric}
