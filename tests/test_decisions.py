import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.decisions import DECISIONS, Rule, credit_of, decide, decide_heads
from multiskin.errors import UserError
from multiskin.metrics.functional import confusion_matrix, credit_matrix, p_recall
from multiskin.rules import SHRINKAGE
from multiskin.schema import Attribute

shares = st.lists(st.integers(0, 40), min_size=2, max_size=9).filter(any)  # a row of unnormalized probabilities


def loop_argmax(row: list[Fraction]) -> int:
    best = 0
    for k, p in enumerate(row):
        if p > row[best]:
            best = k
    return best


def loop_median(row: list[Fraction]) -> int:
    below = Fraction(0)
    for k, p in enumerate(row):
        below += p
        if below >= Fraction(1, 2):
            return k
    raise AssertionError("the row does not sum to 1")


def loop_expectation(row: list[Fraction]) -> int:
    """The grade nearest to the expected grade, the lower in a tie."""
    expected = sum(k * p for k, p in enumerate(row))
    return min(range(len(row)), key=lambda k: (abs(k - expected), k))


ORACLES = {"argmax": loop_argmax, "median": loop_median, "expectation": loop_expectation}


def even(k: int) -> torch.Tensor:
    """The prior of equally frequent grades."""
    return torch.full((k,), 1 / k, dtype=torch.float64)


def exact(row: list[int]) -> list[Fraction]:
    return [Fraction(share, sum(row)) for share in row]


def test_every_decision_has_an_oracle() -> None:
    assert set(DECISIONS) == {*ORACLES, "credit"}  # tested separately, since its ties depend on rounding


@pytest.mark.parametrize("name", ORACLES)
@settings(max_examples=300, deadline=None)
@given(row=shares)
def test_equals_exact_arithmetic(name: str, row: list[int]) -> None:
    probabilities = torch.tensor([[float(p) for p in exact(row)]], dtype=torch.float64)
    grade = decide(name, probabilities, even(len(row)))
    assert (grade.shape, grade.dtype) == ((1,), torch.int64)
    assert int(grade) == ORACLES[name](exact(row))


@settings(max_examples=100, deadline=None)
@given(row=shares)
def test_credit_maximizes_expected_credit_for_equally_frequent_grades(row: list[int]) -> None:
    p = exact(row)
    earned = [sum(q * loop_credit(abs(j - k)) for k, q in enumerate(p)) for j in range(len(p))]
    probabilities = torch.tensor([[float(q) for q in p]], dtype=torch.float64)
    assert earned[int(decide("credit", probabilities, even(len(p))))] == pytest.approx(float(max(earned)), abs=1e-9)


def loop_credit(distance: int) -> Fraction:
    """1 for the right grade, 1/2 for the next, then -1/2 (distance - 1)."""
    return [Fraction(1), Fraction(1, 2)][distance] if distance < 2 else Fraction(1 - distance, 2)


@settings(max_examples=100, deadline=None)
@given(row=shares)
def test_the_median_has_the_least_expected_distance(row: list[int]) -> None:
    p = exact(row)
    distance = [sum(q * abs(k - j) for k, q in enumerate(p)) for j in range(len(p))]
    assert distance[int(decide("median", torch.tensor([[float(q) for q in p]]), even(len(p))))] == min(distance)


@settings(max_examples=100, deadline=None)
@given(row=shares)
def test_the_rounded_expectation_has_the_least_expected_squared_distance(row: list[int]) -> None:
    p = exact(row)
    distance = [sum(q * (k - j) ** 2 for k, q in enumerate(p)) for j in range(len(p))]
    decided = decide("expectation", torch.tensor([[float(q) for q in p]]), even(len(p)))
    assert distance[int(decided)] == min(distance)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), row=shares)
def test_credit_maximizes_expected_credit_for_any_matrix_and_prior(data: st.DataObject, row: list[int]) -> None:
    """By the definition's sum over all grades, for every decision."""
    k, numbers = len(row), st.integers(-9, 9)
    credit = data.draw(st.lists(st.lists(numbers, min_size=k, max_size=k), min_size=k, max_size=k))
    drawn = data.draw(st.lists(st.integers(0, 9), min_size=k, max_size=k).filter(any))
    seen = [share > 0 for share in drawn]
    prior = [Fraction(share, sum(drawn)) for share in drawn]
    shrunk = [Fraction(9, 10) * share + Fraction(1, 10) / sum(seen) for share in prior]
    p = exact(row)
    earned = [sum(credit[i][j] * p[i] / shrunk[i] for i in range(k) if seen[i]) for j in range(k)]
    decided = decide(
        "credit",
        torch.tensor([[float(q) for q in p]], dtype=torch.float64),
        torch.tensor([float(q) for q in prior], dtype=torch.float64),
        torch.tensor(credit),
    )
    assert float(earned[int(decided)]) == pytest.approx(float(max(earned)), abs=1e-9)


@pytest.mark.parametrize("name", DECISIONS)
def test_nan_and_half_precision_give_valid_grades(name: str) -> None:
    rows = torch.tensor([[torch.nan] * 3, [0.1, 0.2, 0.7], [0.0, 0.0, 1.0]])
    for probabilities in (rows, rows.half(), rows.bfloat16()):
        decided = decide(name, probabilities, even(3))
        assert set(decided.tolist()) <= {0, 1, 2}
        assert decided[1:].tolist() == [2, 2]


@pytest.mark.parametrize("k", [2, 3, 5, 10])
def test_a_certain_row_is_decided_for_its_grade(k: int) -> None:
    for name in DECISIONS:
        assert decide(name, torch.eye(k), even(k)).tolist() == list(range(k))


def test_one_half_up_to_rounding_counts_as_one_half() -> None:
    row = torch.tensor([[0.1] * 10])  # in float32, the sum of five may differ from one half
    nudged = row.clone()
    nudged[0, 0] -= 2e-7
    assert decide("median", row, even(10)).tolist() == decide("median", nudged, even(10)).tolist() == [4]


def test_an_expectation_halfway_up_to_rounding_gives_the_lower_grade() -> None:
    row = torch.tensor([[0.5, 0.5, 0.0, 0.0]])
    nudged = torch.tensor([[0.5 - 1e-7, 0.5 + 1e-7, 0.0, 0.0]])
    assert decide("expectation", row, even(4)).tolist() == decide("expectation", nudged, even(4)).tolist() == [0]


def test_rows_are_decided_independently() -> None:
    rows = torch.tensor([[0.4, 0.3, 0.3], [0.0, 0.1, 0.9], [0.6, 0.2, 0.2]])
    assert decide("argmax", rows, even(3)).tolist() == [0, 2, 0]
    assert decide("median", rows, even(3)).tolist() == [1, 2, 0]
    assert decide("expectation", rows, even(3)).tolist() == [1, 2, 1]


@given(seed=st.integers(0, 2**32 - 1), heads=st.lists(st.tuples(st.sampled_from(sorted(DECISIONS)), st.integers(2, 5))))
def test_heads_decided_together_decide_as_each_alone(seed: int, heads: list[tuple[str, int]]) -> None:
    random = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=random, dtype=torch.float64)

    rules = [Rule(decision, drawn(k) / k, drawn(k, k)) for decision, k in heads]
    probabilities = torch.zeros(7, len(heads), 5, dtype=torch.float64)
    for h, (_, k) in enumerate(heads):
        probabilities[:, h, :k] = drawn(7, k).log().softmax(dim=1)
    found = decide_heads(probabilities, rules)
    assert found.shape == (7, len(heads))
    for h, (rule, (_, k)) in enumerate(zip(rules, heads, strict=True)):
        assert torch.equal(found[:, h], decide(rule.decision, probabilities[:, h, :k], rule.prior, rule.credit))


def test_an_unknown_decision_is_refused() -> None:
    with pytest.raises(UserError, match="unknown decision 'medain': did you mean 'median'"):
        decide("medain", torch.eye(2), even(2))


def test_credit_weights_a_rare_grade_by_how_much_likelier_it_is_than_usual() -> None:
    prior = torch.tensor([0.9, 0.05, 0.05])
    as_prior, likelier = torch.tensor([[0.9, 0.05, 0.05]]), torch.tensor([[0.5, 0.1, 0.4]])
    assert decide("credit", as_prior, prior).tolist() == [1]  # uninformative, and the middle is never far off
    assert decide("credit", likelier, prior).tolist() == [2]
    assert decide("argmax", likelier, prior).tolist() == [0]


def test_credit_ignores_a_grade_that_was_never_trained_on() -> None:
    decided = decide("credit", torch.tensor([[0.5, 0.2, 0.3]]), torch.tensor([0.5, 0.5, 0.0]))
    assert decided.tolist() == [0]


def test_credit_may_choose_an_untrained_grade_between_two_trained_ones() -> None:
    decided = decide("credit", torch.tensor([[0.45, 0.1, 0.45]]), torch.tensor([0.5, 0.0, 0.5]))
    assert decided.tolist() == [1]


def earned(truth: torch.Tensor, decided: torch.Tensor) -> float:
    """The mean over true grades of the average credit, from joint probabilities (N, K) of photo and grade."""
    return float((truth * credit_matrix(truth.shape[1])[decided]).sum(0).div(truth.sum(0)).mean())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_no_other_decision_earns_more_credit(seed: int) -> None:
    """Photos with known probabilities, and a prior that hardly needs shrinking."""
    random = torch.Generator().manual_seed(seed)
    photos = -torch.rand(400, 5, generator=random, dtype=torch.float64).log()
    photos /= photos.sum(1, keepdim=True)  # from a flat Dirichlet distribution
    weight = torch.rand(400, 1, generator=random, dtype=torch.float64)
    truth = weight * photos  # joint probability of photo and grade, up to a factor
    prior = truth.sum(0) / truth.sum()
    most = earned(truth, decide("credit", photos, prior))
    others = ("argmax", "median", "expectation")
    assert all(most >= earned(truth, decide(name, photos, prior)) - 0.01 for name in others)


@pytest.mark.parametrize("sharpness", [0.3, 1.0])
def test_credit_wins_if_grades_are_drawn_from_the_probabilities(sharpness: float) -> None:
    """Realised P-Recall in many simulations of skewed grades with calibrated probabilities."""
    random = np.random.default_rng(0)
    gains = []
    for _ in range(40):
        drawn = random.dirichlet(sharpness * np.array([3.0, 1.5, 0.8, 0.5, 0.3]), 3000)
        grades = torch.from_numpy((random.random((3000, 1)) >= drawn.cumsum(axis=1)[:, :-1]).sum(axis=1))
        photos = torch.from_numpy(drawn)
        prior = photos.mean(dim=0)
        realised = {
            name: float(p_recall(confusion_matrix(grades, decide(name, photos, prior), 5))) for name in DECISIONS
        }
        gains.append([realised["credit"] - realised[name] for name in ORACLES])
    gain = torch.tensor(gains)  # (worlds, decisions)
    noise = gain.std(dim=0) / len(gain) ** 0.5
    assert (gain.mean(dim=0) > 3 * noise).all()
    assert (gain > -0.02).all()


SKEWED = ((3.0, 1.5, 0.8, 0.5, 0.3), (5.0, 1.0, 0.4, 0.2, 0.1))  # the rarest grade has a share of 1/20 and of 1/67


def world(random: np.random.Generator, shares: Sequence[float], photos: int) -> torch.Tensor:
    """True probabilities (N, K) of photos, from a Dirichlet distribution."""
    drawn = random.dirichlet(shares, photos).clip(1e-12)
    return torch.from_numpy(drawn / drawn.sum(axis=1, keepdims=True))


def by_credit(photos: torch.Tensor, prior: torch.Tensor, shrinkage: float) -> torch.Tensor:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("multiskin.decisions.SHRINKAGE", shrinkage)
        return decide("credit", photos, prior)


def loop_most(photos: torch.Tensor) -> float:
    """An upper bound for all decisions: the credit of the best grade, summed over photos."""
    rows = photos.tolist()
    k, prior = len(rows[0]), [math.fsum(column) for column in zip(*rows, strict=True)]
    best = [
        max(math.fsum(p[i] * float(loop_credit(abs(i - j))) / prior[i] for i in range(k)) for j in range(k))
        for p in rows
    ]
    return math.fsum(best) / k


@pytest.mark.parametrize("shares", [*SKEWED, (0.02, 0.9), (0.1, 3.0, 0.02), (2.0, 0.1, 0.1, 0.02, 0.1, 1.0, 0.3)])
def test_credit_is_optimal_for_known_probabilities_and_prior(shares: Sequence[float]) -> None:
    """Probabilities and prior are exact, and there is no shrinkage; every other decision is worse."""
    random = np.random.default_rng(0)
    for _ in range(10):
        photos = world(random, shares, 300)
        prior = photos.mean(dim=0)
        most = loop_most(photos)
        assert earned(photos, by_credit(photos, prior, 0.0)) == pytest.approx(most, rel=1e-12)
        assert all(earned(photos, decide(name, photos, prior)) < most for name in ORACLES)


@pytest.mark.parametrize(("shares", "on_average", "at_most"), [(SKEWED[0], 0.01, 0.02), (SKEWED[1], 0.05, 0.1)])
def test_shrinking_a_known_prior_loses_little(shares: Sequence[float], on_average: float, at_most: float) -> None:
    random = np.random.default_rng(0)
    lost = []
    for _ in range(100):
        photos = world(random, shares, 1000)
        whole, shrunk = (earned(photos, by_credit(photos, photos.mean(dim=0), by)) for by in (0.0, SHRINKAGE))
        lost.append(whole - shrunk)
    assert 0 < sum(lost) / len(lost) < on_average
    assert -1e-12 < min(lost) <= max(lost) < at_most


def test_shrinking_a_prior_estimated_from_50_photos_gains() -> None:
    """If the rarest grade has a share of 1/20; a much rarer one is unseen or overestimated, and gains nothing."""
    random = np.random.default_rng(0)
    gained = []
    for _ in range(300):
        photos = world(random, SKEWED[0], 1000)
        estimated = torch.from_numpy(random.multinomial(50, photos.mean(dim=0).numpy()) / 50)
        whole, shrunk = (earned(photos, by_credit(photos, estimated, by)) for by in (0.0, SHRINKAGE))
        gained.append(shrunk - whole)
    assert np.mean(gained) > 3 * np.std(gained) / len(gained) ** 0.5


KIND = Attribute("kind", 3, kind="nominal")


def test_credit_is_that_of_p_recall_by_default() -> None:
    shine, asked = Attribute("shine", 2), [[1, -3], [0.5, 2]]
    assert credit_of(shine, None).tolist() == [[1.0, 0.5], [0.5, 1.0]]
    assert credit_of(shine, asked).tolist() == asked
    assert credit_of(KIND, asked).shape == (3, 3)  # from a shared recipe, ignored for nominal grades


@pytest.mark.parametrize(
    "asked", [[], [[1, 0], [0, 1]], [[1, 0, 0], [0, 1], [0, 0, 1]], [[1, 0, 0], [0, float("nan"), 0], [0, 0, 1]]]
)
def test_a_credit_that_is_not_a_k_by_k_matrix_is_refused(asked: list[list[float]]) -> None:
    with pytest.raises(UserError, match=r"heads\.shine\.credit: give 3 rows, one per true grade, of 3 numbers from"):
        credit_of(Attribute("shine", 3), asked)
