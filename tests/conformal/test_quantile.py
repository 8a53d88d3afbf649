"""The conformal quantile against its definition, and how many subjects a coverage needs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.conformal.quantile import conformal_quantile, mean_over_subjects, min_subjects, require_coverage
from multiskin.errors import UserError

coverages = st.sampled_from([0.01, 0.5, 0.75, 0.8, 0.9, 0.95, 0.99])
samples = st.integers(0, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=n, max_size=n),
        st.lists(st.integers(0, 25), min_size=n, max_size=n),
    )
)


def slow_quantile(scores, units, coverage):
    """The smallest score with enough weight up to it; the next subject's weight is at infinity."""
    subjects = set(units)
    for candidate in sorted(set(scores)):
        votes = 0.0
        for subject in subjects:
            own = [score for score, unit in zip(scores, units, strict=True) if unit == subject]
            votes += sum(score <= candidate for score in own) / len(own) / (len(subjects) + 1)
        if votes >= coverage - 1e-9:
            return candidate
    return math.inf


@settings(max_examples=150, deadline=None)
@given(samples, coverages)
def test_the_quantile_weighs_subjects_equally(sample, coverage):
    scores, units = sample
    found = conformal_quantile(np.array(scores, dtype=float), np.array(units, dtype=int), coverage)
    assert found == slow_quantile(scores, units, coverage)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_with_one_photo_per_subject_it_is_split_conformal_prediction(coverage):
    rng = np.random.default_rng(0)
    for n in range(1, 140):
        scores = rng.random(n)
        rank = math.ceil(round((n + 1) * coverage, 9))
        expected = np.sort(scores)[rank - 1] if rank <= n else math.inf
        assert conformal_quantile(scores, np.arange(n), coverage) == expected


@pytest.mark.parametrize(("coverage", "subjects"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99), (0.91, 11)])
def test_the_minimum_number_of_subjects(coverage, subjects):
    assert min_subjects(coverage) == subjects
    assert conformal_quantile(np.arange(subjects), np.arange(subjects), coverage) == subjects - 1
    few = np.repeat(np.arange(subjects - 1), 50)  # many photos of few subjects are no better than one of each
    assert conformal_quantile(np.zeros(len(few)), few, coverage) == math.inf


@settings(max_examples=50, deadline=None)
@given(samples, coverages, coverages)
def test_a_higher_coverage_never_has_a_lower_threshold(sample, one, other):
    scores, units = (np.array(values, dtype=float) for values in sample)
    low, high = sorted((one, other))
    assert conformal_quantile(scores, units, low) <= conformal_quantile(scores, units, high)


def test_a_mean_over_subjects_weighs_them_equally():
    assert mean_over_subjects(np.array([1, 1, 1, 0]), np.array([7, 7, 7, 2])) == 0.5
    assert math.isnan(mean_over_subjects(np.empty(0), np.empty(0, dtype=int)))


@pytest.mark.parametrize("coverage", [0, 1, -0.1, 1.5, 90, math.nan, math.inf])
def test_a_coverage_out_of_range_is_refused(coverage):
    with pytest.raises(UserError, match=r"coverage is .* such as 0\.9"):
        require_coverage(coverage)


def test_any_coverage_in_range_is_accepted():
    for coverage in (0.001, 0.5, 0.999):
        require_coverage(coverage)
