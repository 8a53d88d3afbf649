"""Heads are trained on the grade distribution of their recipe, given by name or as a list."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.errors import UserError
from multiskin.resampling import EFFECTIVE_NUMBER_BETA, RESAMPLES, grade_distribution
from multiskin.schema import Attribute


def slow_distribution(resample, counts):
    """The distributions from their definitions."""
    volume = {
        "natural": lambda n: n,
        "balanced": lambda n: 1 if n else 0,
        "square_root": lambda n: n**0.5,
        "effective_number": lambda n: sum(EFFECTIVE_NUMBER_BETA**i for i in range(n)),
    }
    shares = [volume[resample](n) for n in counts] if isinstance(resample, str) else resample
    return [share / sum(shares) for share in shares]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=2, max_size=6).filter(any), st.sampled_from(list(RESAMPLES)))
def test_the_distribution_is_that_of_the_recipe(counts, resample):
    asked = grade_distribution(resample, np.array(counts), Attribute("x", len(counts)))
    assert asked.tolist() == pytest.approx(slow_distribution(resample, counts))


def test_known_distributions():
    counts = np.array([0, 1, 4, 9, 16])
    asked = {name: grade_distribution(name, counts, Attribute("x", 5)) for name in RESAMPLES}
    np.testing.assert_allclose(asked["natural"], counts / 30)
    np.testing.assert_allclose(asked["balanced"], [0, 0.25, 0.25, 0.25, 0.25])
    np.testing.assert_allclose(asked["square_root"], [0, 0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(
        asked["effective_number"], counts / 30, atol=0.005
    )  # with few photos, the effective number is nearly the number


def test_a_list_of_shares_is_normalized():
    asked = grade_distribution([3, 0, 1], np.array([2, 5, 7]), Attribute("x", 3))
    assert asked.tolist() == [0.75, 0.0, 0.25]


@pytest.mark.parametrize(
    ("resample", "counts", "said"),
    [
        ("balance", [1, 1, 1], r"unknown resampling 'balance': did you mean 'balanced'\?"),
        ([1, 1], [1, 1, 1], "2 shares for 3 grades; give one for each grade"),
        ([1, 1, 1, 1], [1, 1, 1], "4 shares for 3 grades"),
        ([], [1, 1, 1], "0 shares for 3 grades"),
        ([1, -1, 1], [1, 1, 1], "give finite numbers from 0 up"),
        ([1, float("nan"), 1], [1, 1, 1], "give finite numbers from 0 up"),
        ([1, float("inf"), 1], [1, 1, 1], "give finite numbers from 0 up"),
        ([0, 0, 0], [1, 1, 1], "not all 0"),
        ([1, 1, 1], [4, 0, 1], "grade 1 has a share but no training photos; set its share to 0"),
        ("natural", [0, 0, 0], "no training photo is graded for x"),
    ],
)
def test_the_message_on_invalid_shares_says_what_is_wrong(resample, counts, said):
    with pytest.raises(UserError, match=said) as caught:
        grade_distribution(resample, np.array(counts), Attribute("x", 3))
    assert str(caught.value).startswith("heads.x.resample: ")
