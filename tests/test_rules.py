"""Which decisions exist, and which attributes they fit."""

import pytest

from multiskin import decisions
from multiskin.errors import UserError
from multiskin.portable import decisions as in_numpy
from multiskin.rules import NAMES, checked_credit, require_decision
from multiskin.schema import Attribute

KIND = Attribute("kind", 3, kind="nominal")


def test_what_is_named_can_be_computed_in_torch_and_in_numpy() -> None:
    assert set(NAMES) == set(decisions.DECISIONS) == set(in_numpy.DECISIONS)


def test_what_needs_an_order_is_refused_where_there_is_none() -> None:
    for name in ("median", "expectation", "credit"):
        require_decision(name, Attribute("shine", 3))
        with pytest.raises(
            UserError, match=f"decision '{name}': needs ordered grades, but kind is nominal; use argmax"
        ):
            require_decision(name, KIND)
    require_decision("argmax", KIND)
    with pytest.raises(UserError, match="did you mean 'median'"):
        require_decision("medain", KIND)


def test_a_credit_is_the_numbers_that_were_given() -> None:
    assert checked_credit([[1, 0.5], (0, -2)], Attribute("shine", 2), "here") == ((1.0, 0.5), (0.0, -2.0))
    assert checked_credit([[1e6, 0], (0, -1e6)], Attribute("shine", 2), "here") == ((1e6, 0.0), (0.0, -1e6))


@pytest.mark.parametrize(
    "asked",
    [
        None,
        1,
        "ab",
        {0: [1, 0], 1: [0, 1]},
        [],
        [[1, 0]],
        [[1, 0], [0]],
        [[1, 0], [0, "1"]],
        [[1, 0], "01"],
        [[1, 0], [0, True]],
        [[1, 0], [0, float("nan")]],
        [[1, 0], [0, float("inf")]],
        [[1, 0], [0, None]],
        [[1, 0], [0, 1e300]],  # infinite in float32
        [[1, 0], [0, -1000001]],
    ],
)
def test_what_is_no_matrix_of_the_grades_is_refused(asked: object) -> None:
    said = "here: give 2 rows, one per true grade, of 2 numbers from -1000000 to 1000000, one per decision"
    with pytest.raises(UserError, match=f"^{said}$"):
        checked_credit(asked, Attribute("shine", 2), "here")
