import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.data.render.grades import GRADES, RATER_ERROR, apportion, draw_severity, grade_of, rate, spread


def test_thresholds_part_severity_into_equal_steps():
    assert [grade_of(severity) for severity in (0, 0.19, 0.21, 0.5, 0.79, 0.81, 1)] == [0, 0, 1, 2, 3, 4, 4]


@pytest.mark.parametrize("grade", range(GRADES))
def test_a_severity_has_the_grade_it_was_drawn_for(grade):
    rng = np.random.default_rng(0)
    assert {grade_of(draw_severity(grade, rng)) for _ in range(200)} == {grade}


@pytest.mark.parametrize("grade", range(GRADES))
def test_one_rating_in_ten_is_off_by_one(grade):
    rng = np.random.default_rng(0)
    ratings = np.array([rate(grade, rng) for _ in range(4000)])
    assert np.abs(ratings - grade).max() == 1
    assert (ratings != grade).mean() == pytest.approx(RATER_ERROR, abs=0.02)
    assert ratings.min() >= 0
    assert ratings.max() < GRADES
    if 0 < grade < GRADES - 1:
        assert (ratings > grade).mean() == pytest.approx(RATER_ERROR / 2, abs=0.015)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.01, 1000), min_size=2, max_size=7), st.integers(0, 500))
def test_apportioned_parts_add_up_and_are_within_one_of_their_quota(shares, count):
    parts = apportion(shares, count)
    assert sum(parts) == count
    for part, share in zip(parts, shares, strict=True):
        assert abs(part - share / sum(shares) * count) < 1 + 1e-6


def test_spread_grades_follow_the_histogram_or_are_even():
    rng = np.random.default_rng(0)
    assert np.bincount(spread([26, 735, 1501, 413, 35], 0, 542, rng)).tolist() == [5, 147, 300, 83, 7]
    assert np.bincount(spread([26, 735, 1501, 413, 35], 1, 100, rng)).tolist() == [20] * 5
