from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.decisions import DECISIONS, decide
from multiskin.errors import UserError

shares = st.lists(st.integers(0, 40), min_size=2, max_size=9).filter(any)  # a row of probabilities, times its sum


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


ORACLES = {"argmax": loop_argmax, "median": loop_median}


def exact(row: list[int]) -> list[Fraction]:
    return [Fraction(share, sum(row)) for share in row]


def test_every_decision_has_an_oracle() -> None:
    assert set(DECISIONS) == set(ORACLES)


@pytest.mark.parametrize("name", ORACLES)
@settings(max_examples=300, deadline=None)
@given(row=shares)
def test_decides_as_exact_arithmetic_does(name: str, row: list[int]) -> None:
    probabilities = torch.tensor([[float(p) for p in exact(row)]])
    grade = decide(name, probabilities)
    assert (grade.shape, grade.dtype) == ((1,), torch.int64)
    assert int(grade) == ORACLES[name](exact(row))


@settings(max_examples=100, deadline=None)
@given(row=shares)
def test_the_median_has_the_least_expected_distance(row: list[int]) -> None:
    p = exact(row)
    distance = [sum(q * abs(k - j) for k, q in enumerate(p)) for j in range(len(p))]
    assert distance[int(decide("median", torch.tensor([[float(q) for q in p]])))] == min(distance)


@pytest.mark.parametrize("k", [2, 3, 5, 10])
def test_a_certain_row_is_decided_for_its_grade(k: int) -> None:
    for name in DECISIONS:
        assert decide(name, torch.eye(k)).tolist() == list(range(k))


def test_a_median_reached_up_to_rounding_counts_as_reached() -> None:
    row = torch.tensor([[0.1] * 10])  # five of them fall short of or exceed one half in float32
    nudged = row.clone()
    nudged[0, 0] -= 2e-7
    assert decide("median", row).tolist() == decide("median", nudged).tolist() == [4]


def test_rows_are_decided_alone() -> None:
    rows = torch.tensor([[0.4, 0.3, 0.3], [0.0, 0.1, 0.9], [0.6, 0.2, 0.2]])
    assert decide("argmax", rows).tolist() == [0, 2, 0]
    assert decide("median", rows).tolist() == [1, 2, 0]


def test_an_unknown_decision_is_refused() -> None:
    with pytest.raises(UserError, match="unknown decision 'medain': did you mean 'median'"):
        decide("medain", torch.eye(2))
