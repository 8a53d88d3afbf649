"""Metrics as functions of a (K, K) confusion matrix of counts, true grade in rows, K >= 2.

Unless documented otherwise, a metric is a 0-d float64 tensor on the matrix's device, leaves absent grades (true grades
without samples) out of averages over grades, is NaN without any samples, and raises ValueError unless the matrix is
(K, K) with K >= 2. Nothing here synchronizes with the device.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

from multiskin.errors import unknown
from multiskin.schema import MISSING

Absent = Literal["present", "zero"]  # average over the grades present, or count an absent grade as 0


def confusion_matrix(grades: Tensor, decisions: Tensor, num_grades: int) -> Tensor:
    """Counts of (true grade, decision) over the first dimension of both: (N, ...) and (N, ...) to (..., K, K) int64.

    Samples without a grade, or with a grade or decision outside 0..K-1, are not counted.
    """
    grade = torch.arange(num_grades, device=grades.device)
    truth = grades.unsqueeze(-1) == grade  # (N, ..., K), all False where the grade is missing
    decided = decisions.unsqueeze(-1) == grade  # (N, ..., K)
    return (truth.unsqueeze(-1) & decided.unsqueeze(-2)).sum(0)


def distance_matrix(num_grades: int, device: torch.device | None = None) -> Tensor:
    """The distance |i - j| of each pair of grades: (K, K) float64."""
    grade = torch.arange(num_grades, dtype=torch.float64, device=device)
    return (grade.unsqueeze(1) - grade).abs()


def credit_matrix(num_grades: int, device: torch.device | None = None) -> Tensor:
    """P-Recall's credit for each (true grade, decision): 1 at distance 0, 0.5 at 1, else -0.5 (d - 1); (K, K) float64.

    Source: boostcampaitech3/final-project-level3-cv-18, 2022.
    """
    distance = distance_matrix(num_grades, device)
    return torch.where(distance < 2, 1 - distance / 2, (1 - distance) / 2)


def mean_by_grade(confusion: Tensor, value: Tensor) -> Tensor:
    """Mean of value (K, K) over the samples of each true grade: (K,), NaN for a grade without one."""
    counts = _counts(confusion)
    return (counts * value).sum(1) / counts.sum(1)


def recall(confusion: Tensor) -> Tensor:
    """Share of the samples of each true grade with the correct decision: (K,), NaN for an absent grade."""
    return mean_by_grade(confusion, _distance(confusion) == 0)


def precision(confusion: Tensor) -> Tensor:
    """Share of correct ones among the samples with each decision: (K,), NaN for a grade that is never decided."""
    return recall(_counts(confusion).T)


def f1(confusion: Tensor) -> Tensor:
    """Harmonic mean of each grade's precision and recall: (K,), NaN for a grade that is neither true nor decided."""
    counts = _counts(confusion)
    return 2 * counts.diagonal() / (counts.sum(0) + counts.sum(1))


def p_recall(confusion: Tensor, absent: Absent = "present") -> Tensor:
    """Credit averaged over the samples of each true grade, then over grades; at most 1, and at least -1.1 for K = 5.

    With "present", the average is over the grades present. With "zero", absent grades count as 0, as in the metric's
    source (see credit_matrix), so that the highest possible value is the share of grades that are present.

    Raises:
        UserError: another rule for absent grades.
    """
    return _mean_over_grades(mean_by_grade(confusion, _credit(confusion)), absent)


def p_recall_constant(confusion: Tensor, absent: Absent = "present") -> Tensor:
    """The P-Recall of the best constant decision for these true grades, a baseline that a useful model must exceed.

    Raises:
        UserError: another rule for absent grades.
    """
    present = _counts(confusion).sum(1, keepdim=True) > 0  # (K, 1)
    by_grade = _credit(confusion).where(present, torch.nan)  # (K, K): of each true grade for each constant decision
    return _mean_over_grades(by_grade, absent).max()


def accuracy(confusion: Tensor) -> Tensor:
    """Share of samples with the correct decision."""
    return _mean(confusion, _distance(confusion) == 0)


def within_one(confusion: Tensor) -> Tensor:
    """Share of samples with a decision at most one grade off (one-off accuracy)."""
    return _mean(confusion, _distance(confusion) <= 1)


def mae(confusion: Tensor) -> Tensor:
    """Mean absolute error over samples, in grades."""
    return _mean(confusion, _distance(confusion))


def macro_mae(confusion: Tensor) -> Tensor:
    """Mean absolute error of each true grade, averaged over grades (Baccianella, Esuli and Sebastiani, 2009)."""
    return _mean_over_grades(mean_by_grade(confusion, _distance(confusion)))


def macro_recall(confusion: Tensor) -> Tensor:
    """Recall averaged over grades, also called balanced accuracy."""
    return _mean_over_grades(recall(confusion))


def macro_f1(confusion: Tensor) -> Tensor:
    """F1 of each grade, averaged over the grades that occur as true grades or as decisions.

    This is the mean of F1 scores, not the F1 of mean precision and recall (Opitz and Burst, 2019). A grade that is
    decided but never true counts as 0.
    """
    return _mean_over_grades(f1(confusion))


def quadratic_kappa(confusion: Tensor) -> Tensor:
    """Agreement beyond chance, disagreement weighted by squared distance (Cohen, 1968).

    If true grades and decisions are the same constant, it is 0/0 and defined as 0.0: no agreement beyond chance is
    shown.
    """
    counts = _counts(confusion)
    weight = _distance(confusion).square()
    by_chance = torch.outer(counts.sum(1), counts.sum(0)) / counts.sum()
    return _zero_for_constants(1 - (weight * counts).sum() / (weight * by_chance).sum(), counts)


def spearman(confusion: Tensor) -> Tensor:
    """Rank correlation of true grades and decisions, with mid-ranks for ties (Spearman, 1904).

    If true grades or decisions are constant, it is 0/0 and defined as 0.0.
    """
    counts = _counts(confusion)
    true_counts, decision_counts = counts.sum(1), counts.sum(0)
    true_ranks, decision_ranks = _centred_ranks(true_counts), _centred_ranks(decision_counts)
    variances = (true_counts @ true_ranks.square()) * (decision_counts @ decision_ranks.square())
    return _zero_for_constants(true_ranks @ counts @ decision_ranks / variances.sqrt(), counts)


def squared_cdf_error(probabilities: Tensor, grades: Tensor) -> Tensor:
    """(P(grade <= k) - 1[true grade <= k])^2 for every k: (..., K) and (...) to (..., K) float64."""
    grade = torch.arange(probabilities.shape[-1], device=probabilities.device)
    return (probabilities.double().cumsum(-1) - (grades.unsqueeze(-1) <= grade).double()).square()


def ranked_probability_score(probabilities: Tensor, grades: Tensor) -> Tensor:
    """Squared error of the predicted cumulative distribution: (N, K) and (N,) to (N,) float64.

    It is averaged over the K-1 cuts between grades, so that 0 means certain and correct, and 1 certain of the wrong end
    of the scale. NaN where the grade is missing. Source: Epstein, 1969.
    """
    score = squared_cdf_error(probabilities, grades)[..., :-1].mean(-1)  # for k = K-1, both are 1
    return score.masked_fill(grades == MISSING, torch.nan)


def _counts(confusion: Tensor) -> Tensor:
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1] or len(confusion) < 2:
        raise ValueError(f"a confusion matrix is (K, K) with K >= 2, found {tuple(confusion.shape)}")
    return confusion.double()


def _distance(confusion: Tensor) -> Tensor:
    return distance_matrix(confusion.shape[-1], confusion.device)


def _credit(confusion: Tensor) -> Tensor:
    return credit_matrix(confusion.shape[-1], confusion.device)


def _mean(confusion: Tensor, value: Tensor) -> Tensor:
    """Mean of value (K, K) over all samples."""
    counts = _counts(confusion)
    return (counts * value).sum() / counts.sum()


def _mean_over_grades(by_grade: Tensor, absent: Absent = "present") -> Tensor:
    """Mean over the first dimension, (K, ...) to (...), of values that are NaN for absent grades."""
    if absent not in get_args(Absent):
        raise unknown("rule for absent grades", absent, get_args(Absent))
    mean = by_grade.nanmean(0)
    share_present = by_grade.isnan().logical_not().double().mean(0)
    return mean if absent == "present" else mean * share_present


def _centred_ranks(counts: Tensor) -> Tensor:
    """Each grade's mid-rank among all samples minus the mean rank: (K,) counts to (K,)."""
    return counts.cumsum(0) - (counts + counts.sum()) / 2


def _zero_for_constants(value: Tensor, counts: Tensor) -> Tensor:
    """Replaces NaN from 0/0 by 0.0, unless there are no samples."""
    return value.masked_fill(value.isnan() & (counts.sum() > 0), 0.0)
