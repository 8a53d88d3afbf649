"""Coverage and size of sets against counts by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from multiskin.conformal.coverage import clopper_pearson, coverage_by_cell, coverage_of
from multiskin.conformal.prediction import ConformalSets, Threshold
from multiskin.schema import MISSING, Attribute, Schema


def test_subjects_weigh_the_same_and_ungraded_photos_are_ignored():
    sets = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1], [1, 0, 0]], dtype=bool)
    grades = np.array([0, 0, 2, 1, MISSING])
    units = np.array([0, 0, 0, 1, 2])
    found = coverage_of(sets, grades, units)
    assert (found.subjects, found.photos) == (2, 4)
    assert found.covered == pytest.approx((2 / 3 + 0) / 2)
    assert found.size == pytest.approx(((2 + 1 + 3) / 3 + 1) / 2)
    assert found.full == pytest.approx((1 / 3 + 0) / 2)
    assert found.by_grade.tolist() == [0.5, 0.0, 1.0]


def test_without_photos_everything_is_nan():
    found = coverage_of(np.ones((2, 4), dtype=bool), np.full(2, MISSING), np.arange(2))
    assert (found.subjects, found.photos) == (0, 0)
    assert np.isnan([found.covered, found.size, found.full, *found.by_grade]).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200).flatmap(lambda tries: st.tuples(st.integers(0, tries), st.just(tries))))
def test_the_interval_is_the_exact_binomial_one(drawn):
    hits, tries = drawn
    exact = binomtest(hits, tries).proportion_ci(0.95, method="exact")
    assert clopper_pearson(hits, tries) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_the_interval_has_its_coverage_with_several_photos_per_subject():
    random, held = np.random.default_rng(0), 0
    for _ in range(400):
        chance = random.beta(9, 1, 30)  # of each subject; 0.9 on average
        units = np.repeat(np.arange(30), 4)
        grades = (random.random(120) >= chance[units]).astype(int)
        found = coverage_of(np.tile([True, False], (120, 1)), grades, units).interval
        held += found.low <= 0.9 <= found.high
    assert held / 400 >= 0.95 - 2 * binom.std(400, 0.95) / 400


def test_missing_values_become_null():
    found = coverage_of(np.ones((2, 4), dtype=bool), np.full(2, MISSING), np.arange(2)).to_dict()
    expected = {"subjects": 0, "photos": 0, "covered": None, "low": None, "high": None, "size": None, "full": None}
    assert found == expected


GROUPS = {"tone": np.array(["a", "b", "", "a"], dtype=object)}


@pytest.mark.parametrize(
    ("by", "groups", "expected"),
    [
        (None, GROUPS, {}),
        ("grade", {}, {"0": (2, 0.5), "1": (1, 1.0)}),
        ("tone", GROUPS, {"a": (1, 1.0), "b": (1, 0.0)}),
        (
            "tone",
            {"tone": ["all", "b", "", "all"]},
            {"all": (1, 1.0), "b": (1, 0.0)},
        ),  # a group value, not the overall coverage
        ("tone", {}, {}),  # a table without the group's column
    ],
)
def test_coverage_is_evaluated_for_each_grade_or_group(by, groups, expected):
    schema = Schema((Attribute("depth", 2),))
    promise = ConformalSets(schema, 0.9, by, {"depth": {"all": Threshold(0.5, 9, 9)}})
    sets = np.array([[[1, 0]], [[0, 1]], [[0, 1]], [[1, 1]]], dtype=bool)
    grades = np.array([[0], [0], [1], [MISSING]])
    found = coverage_by_cell(promise, sets, grades, np.arange(4), groups)["depth"]
    assert (found.overall.photos, found.overall.covered) == (3, 2 / 3)
    assert {cell: (each.photos, each.covered) for cell, each in found.cells.items()} == expected
