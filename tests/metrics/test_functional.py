"""Metrics against slow loops over the samples, against other libraries, and against numbers computed by hand."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sklearn_metrics
from torch import Tensor

from multiskin.errors import UserError
from multiskin.metrics import functional

SCALARS = {
    "p_recall": functional.p_recall,
    "p_recall_zero": lambda confusion: functional.p_recall(confusion, absent="zero"),
    "p_recall_constant": functional.p_recall_constant,
    "p_recall_zero_constant": lambda confusion: functional.p_recall_constant(confusion, absent="zero"),
    "accuracy": functional.accuracy,
    "within_one": functional.within_one,
    "mae": functional.mae,
    "macro_mae": functional.macro_mae,
    "macro_recall": functional.macro_recall,
    "macro_f1": functional.macro_f1,
    "quadratic_kappa": functional.quadratic_kappa,
    "spearman": functional.spearman,
}


@st.composite
def confusions(draw: st.DrawFn) -> Tensor:
    """Counts with at least one sample, often small, and often with rows of zeros."""
    k = draw(st.integers(2, 6))
    cells = draw(st.lists(st.integers(0, 4), min_size=k * k, max_size=k * k))
    for grade in draw(st.sets(st.integers(0, k - 1), max_size=k - 1)):
        cells[grade * k : (grade + 1) * k] = [0] * k
    matrix = torch.tensor(cells).view(k, k)
    if matrix.sum() == 0:
        matrix[draw(st.integers(0, k - 1)), draw(st.integers(0, k - 1))] = 1
    return matrix


def samples(confusion: Tensor) -> list[tuple[int, int]]:
    """Every (true grade, decision), one by one."""
    k = len(confusion)
    return [(i, j) for i in range(k) for j in range(k) for _ in range(int(confusion[i, j]))]


def counted(truth: list[int], decided: list[int], k: int) -> Tensor:
    return functional.confusion_matrix(torch.tensor(truth), torch.tensor(decided), k)


def slow_mean(values: list[float]) -> float:
    return sum(values) / len(values)


def slow_macro(pairs: list[tuple[int, int]], value, divisor: int | None = None) -> float:
    """Mean over the grades present, or their sum over divisor, of the mean of value(true, decided)."""
    present = {true for true, _ in pairs}
    by_grade = [slow_mean([value(i, j) for i, j in pairs if i == grade]) for grade in present]
    return sum(by_grade) / (divisor or len(present))


def slow_credit(true: int, decided: int) -> float:
    distance = abs(true - decided)
    return {0: 1.0, 1: 0.5}.get(distance, -0.5 * (distance - 1))


def slow_constant(pairs: list[tuple[int, int]], k: int, divisor: int | None = None) -> float:
    return max(slow_macro([(true, j) for true, _ in pairs], slow_credit, divisor) for j in range(k))


def near(value: float):
    return pytest.approx(value, abs=1e-12, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(confusions())
def test_equals_loops_over_the_samples(confusion: Tensor) -> None:
    pairs, k = samples(confusion), len(confusion)
    oracle = {
        "p_recall": slow_macro(pairs, slow_credit),
        "p_recall_zero": slow_macro(pairs, slow_credit, divisor=k),
        "p_recall_constant": slow_constant(pairs, k),
        "p_recall_zero_constant": slow_constant(pairs, k, divisor=k),
        "accuracy": slow_mean([i == j for i, j in pairs]),
        "within_one": slow_mean([abs(i - j) <= 1 for i, j in pairs]),
        "mae": slow_mean([abs(i - j) for i, j in pairs]),
        "macro_mae": slow_macro(pairs, lambda i, j: abs(i - j)),
        "macro_recall": slow_macro(pairs, lambda i, j: i == j),
    }
    assert {name: SCALARS[name](confusion).item() for name in oracle} == {n: near(value) for n, value in oracle.items()}


@settings(max_examples=60, deadline=None)
@given(confusions())
def test_equals_scikit_learn_and_scipy(confusion: Tensor) -> None:
    truth, decided = (list(side) for side in zip(*samples(confusion), strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both warn about constants and about grades that are decided but never true
        kappa = sklearn_metrics.cohen_kappa_score(
            truth, decided, weights="quadratic", labels=list(range(len(confusion)))
        )
        oracle = {
            "quadratic_kappa": kappa,
            "spearman": stats.spearmanr(truth, decided).statistic,
            "macro_recall": sklearn_metrics.balanced_accuracy_score(truth, decided),
            "macro_f1": sklearn_metrics.f1_score(truth, decided, average="macro", zero_division=0),
        }
    expected = {name: near(np.nan_to_num(value)) for name, value in oracle.items()}  # their NaN for 0/0 is our 0.0
    assert {name: SCALARS[name](confusion).item() for name in oracle} == expected


@settings(max_examples=30, deadline=None)
@given(confusions())
def test_recall_equals_scikit_learn(confusion: Tensor) -> None:
    truth, decided = zip(*samples(confusion), strict=True)
    labels = list(range(len(confusion)))
    expected = sklearn_metrics.recall_score(truth, decided, labels=labels, average=None, zero_division=np.nan)
    assert functional.recall(confusion).numpy() == near(expected)


@settings(max_examples=30, deadline=None)
@given(confusions())
def test_ranges_hold(confusion: Tensor) -> None:
    value = {name: function(confusion).item() for name, function in SCALARS.items()}
    k, slack = len(confusion), 1e-12
    worst = functional.credit_matrix(k).min(1).values.mean().item()  # every grade decided as the farthest one
    for name in ("accuracy", "within_one", "macro_recall", "macro_f1"):
        assert 0 <= value[name] <= 1 + slack
    for name in ("quadratic_kappa", "spearman"):
        assert -1 - slack <= value[name] <= 1 + slack
    for name in ("mae", "macro_mae"):
        assert 0 <= value[name] <= k - 1
    if (confusion.sum(1) > 0).all():
        assert worst - slack <= value["p_recall"] <= 1
        assert value["p_recall_zero"] == near(value["p_recall"])


@settings(max_examples=30, deadline=None)
@given(confusions(), st.sampled_from([torch.int32, torch.float32, torch.float64]))
def test_any_number_type_gives_the_same_float64(confusion: Tensor, dtype: torch.dtype) -> None:
    for name, function in SCALARS.items():
        value = function(confusion.to(dtype))
        assert (value.shape, value.dtype) == ((), torch.float64), name
        assert value.item() == function(confusion).item(), name


@settings(max_examples=30, deadline=None)
@given(confusions())
def test_reversing_the_scale_changes_nothing(confusion: Tensor) -> None:
    for name, function in SCALARS.items():
        assert function(confusion.flip(0, 1)).item() == near(function(confusion).item()), name


@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("k", [2, 5])
def test_no_sample_is_nan(name: str, k: int) -> None:
    assert SCALARS[name](torch.zeros(k, k)).isnan()


@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 1), (0, 0), (2, 3, 3)])
def test_what_is_no_confusion_matrix_is_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a confusion matrix is"):
        SCALARS[name](torch.ones(shape))


@pytest.mark.parametrize("k", [2, 3, 5, 9])
def test_perfect_decisions(k: int) -> None:
    perfect = torch.diag(torch.arange(1, k + 1))
    value = {name: function(perfect).item() for name, function in SCALARS.items() if "constant" not in name}
    assert value == {name: 0.0 if "mae" in name else 1.0 for name in value}


@pytest.mark.parametrize("absent", ["present", "zero"])
def test_a_correct_constant_decision_shows_no_agreement_beyond_chance(absent: str) -> None:
    confusion = counted([3, 3, 3], [3, 3, 3], 5)
    assert functional.accuracy(confusion) == 1
    assert functional.quadratic_kappa(confusion) == 0
    assert functional.spearman(confusion) == 0
    assert functional.p_recall(confusion, absent) == {"present": 1.0, "zero": 0.2}[absent]


@pytest.mark.parametrize(("truth", "decided"), [([0, 1, 4], [2, 2, 2]), ([2, 2, 2], [0, 1, 4])])
def test_one_side_constant_has_no_kappa_and_no_rank_correlation(truth: list[int], decided: list[int]) -> None:
    confusion = counted(truth, decided, 5)
    assert functional.quadratic_kappa(confusion) == 0
    assert functional.spearman(confusion) == 0


def test_credit_by_distance() -> None:
    assert functional.credit_matrix(5)[0].tolist() == [1.0, 0.5, -0.5, -1.0, -1.5]
    assert functional.credit_matrix(5).equal(functional.credit_matrix(5).T)
    assert all(near > far for near, far in pairwise(functional.credit_matrix(9)[0].tolist()))
    assert functional.credit_matrix(2).tolist() == [[1.0, 0.5], [0.5, 1.0]]


def test_p_recall_of_known_decisions() -> None:
    everything_2, farthest = torch.zeros(5, 5), torch.zeros(5, 5)
    everything_2[:, 2] = torch.tensor([7, 1, 30, 4, 2])
    farthest[[0, 1, 2, 3, 4], [4, 4, 0, 0, 0]] = 1
    assert functional.p_recall(everything_2).item() == near(0.20)
    assert functional.p_recall_constant(everything_2).item() == near(0.20)
    assert functional.p_recall(torch.ones(5, 5)).item() == near(-0.04)
    assert functional.p_recall(farthest).item() == near(-1.1)


def test_an_absent_grade_counts_as_specified() -> None:
    without_4 = torch.diag(torch.tensor([8, 210, 215, 29, 0]))
    assert functional.p_recall(without_4) == 1
    assert functional.p_recall(without_4, absent="zero").item() == near(0.8)
    assert functional.p_recall_constant(without_4).item() == near(0.375)
    assert functional.p_recall_constant(without_4, absent="zero").item() == near(0.3)


@pytest.mark.parametrize("function", [functional.p_recall, functional.p_recall_constant])
def test_another_rule_for_absent_grades_is_refused(function) -> None:
    with pytest.raises(UserError, match="did you mean 'zero'"):
        function(torch.ones(3, 3), absent="zeros")


def test_macro_mae_keeps_distances_where_grades_are_absent() -> None:
    """A library that builds its matrix only from the grades that occur gives 0.5."""
    assert functional.macro_mae(counted([0, 4, 4, 0], [4, 4, 0, 0], 5)) == 2.0


def test_within_one_counts_decisions_that_are_never_true() -> None:
    """A library that drops grades that are never true gives 1.0."""
    assert functional.within_one(counted([0, 0, 1, 1], [0, 4, 1, 4], 5)) == 0.5


@settings(max_examples=30, deadline=None)
@given(confusions(), st.integers(0, 3))
def test_counting_the_samples_restores_the_matrix(confusion: Tensor, missing: int) -> None:
    truth, decided = zip(*samples(confusion), strict=True)
    again = counted([-1] * missing + list(truth), [0] * missing + list(decided), len(confusion))
    assert again.dtype == torch.int64
    assert again.equal(confusion)


def test_counting_keeps_further_dimensions_apart() -> None:
    grades, decisions = torch.tensor([[0, 1], [0, -1]]), torch.tensor([[0, 2], [1, 2]])
    first, second = functional.confusion_matrix(grades, decisions, 3)
    assert first.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert second.tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [2, 3, 5])
def test_ranked_probability_score_equals_its_definition(k: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(k)
    probabilities = torch.rand(40, k, generator=generator, dtype=dtype).softmax(1)
    grades = torch.randint(k, (40,), generator=generator)
    expected = []
    for row, grade in zip(probabilities.tolist(), grades.tolist(), strict=True):
        cuts = [(sum(row[: cut + 1]) - (grade <= cut)) ** 2 for cut in range(k - 1)]
        expected.append(sum(cuts) / (k - 1))
    score = functional.ranked_probability_score(probabilities, grades)
    assert score.dtype == torch.float64
    assert score.tolist() == near(expected)


def test_ranked_probability_score_of_known_forecasts() -> None:
    certain = torch.eye(5)
    assert functional.ranked_probability_score(certain, torch.arange(5)).tolist() == [0.0] * 5
    assert functional.ranked_probability_score(certain, torch.full((5,), 4)).tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert functional.ranked_probability_score(certain, torch.full((5,), -1)).isnan().all()
    assert functional.ranked_probability_score(torch.tensor([[0.3, 0.7]]), torch.tensor([0])).item() == pytest.approx(
        0.49
    )


def test_ranked_probability_score_is_proper() -> None:
    """In expectation under the true distribution, no other distribution scores better."""
    true = torch.tensor([0.1, 0.4, 0.2, 0.3], dtype=torch.float64)

    def expected_score(forecast: Tensor) -> float:
        return (true * functional.ranked_probability_score(forecast.expand(4, 4), torch.arange(4))).sum().item()

    others = torch.rand(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).softmax(1)
    assert all(expected_score(true) < expected_score(other) for other in others)
