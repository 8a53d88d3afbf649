"""Pure functions of one (K, K) confusion matrix of counts, true grade in rows, K >= 2.

Unless a function says otherwise it returns a 0-d float64 tensor on the matrix's device, leaves grades without a true
sample out of averages over grades, and is NaN where there is no sample at all. Nothing here waits for the device. A
matrix that is not (K, K) with K >= 2 raises ValueError.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

from multiskin.errors import unknown
from multiskin.schema import MISSING

Absent = Literal["present", "zero"]  # average over the grades present, or count an absent grade as 0


def confusion_matrix(grades: Tensor, decisions: Tensor, num_grades: int) -> Tensor:
    """Counts of (true grade, decision) over the first dimension of both: (N, ...) and (N, ...) to (..., K, K) int64.

    A sample without a grade is not counted, nor is one with a grade or a decision outside 0..K-1.
    """
    grade = torch.arange(num_grades, device=grades.device)
    truth = grades.unsqueeze(-1) == grade  # (N, ..., K), without any True where the grade is missing
    decided = decisions.unsqueeze(-1) == grade  # (N, ..., K)
    return (truth.unsqueeze(-1) & decided.unsqueeze(-2)).sum(0)


def distance_matrix(num_grades: int, device: torch.device | None = None) -> Tensor:
    """How many grades each two are apart: |i - j|, (K, K) float64."""
    grade = torch.arange(num_grades, dtype=torch.float64, device=device)
    return (grade.unsqueeze(1) - grade).abs()


def credit_matrix(num_grades: int, device: torch.device | None = None) -> Tensor:
    """P-Recall's credit for each (true grade, decision): 1 at distance 0, 0.5 at 1, then -0.5 (d - 1); (K, K) float64.

    Source: boostcampaitech3/final-project-level3-cv-18, 2022.
    """
    distance = distance_matrix(num_grades, device)
    return torch.where(distance < 2, 1 - distance / 2, (1 - distance) / 2)


def mean_by_grade(confusion: Tensor, value: Tensor) -> Tensor:
    """Mean of value (K, K) over the samples of each true grade: (K,), NaN for a grade without one."""
    counts = _counts(confusion)
    return (counts * value).sum(1) / counts.sum(1)


def recall(confusion: Tensor) -> Tensor:
    """Share of each true grade that is answered exactly: (K,), NaN for a grade without a sample."""
    return mean_by_grade(confusion, _distance(confusion) == 0)


def precision(confusion: Tensor) -> Tensor:
    """Share of the samples with each decision that truly have that grade: (K,), NaN for a grade never decided."""
    return recall(_counts(confusion).T)


def f1(confusion: Tensor) -> Tensor:
    """Harmonic mean of each grade's precision and recall: (K,), NaN for a grade that is never true nor decided."""
    counts = _counts(confusion)
    return 2 * counts.diagonal() / (counts.sum(0) + counts.sum(1))


def p_recall(confusion: Tensor, absent: Absent = "present") -> Tensor:
    """Credit averaged over the samples of each true grade, then over grades; at most 1, with K = 5 at least -1.1.

    With "present" the average is over the grades present. With "zero" an absent grade counts 0 and still divides by K,
    as in the metric's source (see credit_matrix), so the highest possible value is the share of grades present.

    Raises:
        UserError: another rule for absent grades.
    """
    return _mean_over_grades(mean_by_grade(confusion, _credit(confusion)), absent)


def p_recall_constant(confusion: Tensor, absent: Absent = "present") -> Tensor:
    """The P-Recall of the best constant answer to these true grades: what a model must beat to have learned anything.

    Raises:
        UserError: another rule for absent grades.
    """
    present = _counts(confusion).sum(1, keepdim=True) > 0  # (K, 1)
    by_grade = _credit(confusion).where(present, torch.nan)  # (K, K): of each true grade, under each constant answer
    return _mean_over_grades(by_grade, absent).max()


def accuracy(confusion: Tensor) -> Tensor:
    """Share of samples answered exactly."""
    return _mean(confusion, _distance(confusion) == 0)


def within_one(confusion: Tensor) -> Tensor:
    """Share of samples answered with the true grade or one next to it (one-off accuracy)."""
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
    """F1 of each grade, averaged over the grades that occur in truth or in decisions.

    This is the mean of F1 scores, not the F1 of mean precision and recall (Opitz and Burst, 2019). A grade that is
    only decided, never true, counts 0, since every such decision is wrong.
    """
    return _mean_over_grades(f1(confusion))


def quadratic_kappa(confusion: Tensor) -> Tensor:
    """Agreement beyond chance, disagreement weighted by squared distance (Cohen, 1968).

    Where truth and decisions are one and the same constant it is 0/0 and is given as 0.0: nothing about agreement
    beyond chance has been shown.
    """
    counts = _counts(confusion)
    weight = _distance(confusion).square()
    by_chance = torch.outer(counts.sum(1), counts.sum(0)) / counts.sum()
    return _zero_for_constants(1 - (weight * counts).sum() / (weight * by_chance).sum(), counts)


def spearman(confusion: Tensor) -> Tensor:
    """Rank correlation of truth and decisions, ties given their mid-rank (Spearman, 1904).

    Where truth or decisions are constant it is 0/0 and is given as 0.0: a constant orders nothing.
    """
    counts = _counts(confusion)
    true_counts, decision_counts = counts.sum(1), counts.sum(0)
    truth, decision = _centred_ranks(true_counts), _centred_ranks(decision_counts)
    variances = (true_counts @ truth.square()) * (decision_counts @ decision.square())
    return _zero_for_constants(truth @ counts @ decision / variances.sqrt(), counts)


def squared_cdf_error(probabilities: Tensor, grades: Tensor) -> Tensor:
    """(P(grade <= k) - 1[true grade <= k])^2 for every k: (..., K) and (...) to (..., K) float64."""
    grade = torch.arange(probabilities.shape[-1], device=probabilities.device)
    return (probabilities.double().cumsum(-1) - (grades.unsqueeze(-1) <= grade).double()).square()


def ranked_probability_score(probabilities: Tensor, grades: Tensor) -> Tensor:
    """Squared distance of the predicted cumulative distribution from the true one: (N, K) and (N,) to (N,) float64.

    Averaged over the K-1 cuts between grades, so that 0 is certain and right, 1 certain of the wrong end of the scale.
    NaN where the grade is missing. Source: Epstein, 1969.
    """
    score = squared_cdf_error(probabilities, grades)[..., :-1].mean(-1)  # beyond the last cut both reach 1
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
    """Mean over the first dimension, (K, ...) to (...), of values that are NaN for an absent grade."""
    if absent not in get_args(Absent):
        raise unknown("rule for absent grades", absent, get_args(Absent))
    mean = by_grade.nanmean(0)
    share_present = by_grade.isnan().logical_not().double().mean(0)
    return mean if absent == "present" else mean * share_present


def _centred_ranks(counts: Tensor) -> Tensor:
    """Each grade's mid-rank among all samples, less the mean rank: (K,) and (K,)."""
    return counts.cumsum(0) - (counts + counts.sum()) / 2


def _zero_for_constants(value: Tensor, counts: Tensor) -> Tensor:
    """0.0 in place of the NaN that 0/0 gave, unless there was no sample."""
    return value.masked_fill(value.isnan() & (counts.sum() > 0), 0.0)
