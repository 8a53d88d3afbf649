"""Intervals against independent formulas, and their coverage in simulations."""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import stats

from multiskin.compare.intervals import PairedDifference, effective_number


def test_the_effective_number_of_equal_units_is_their_number() -> None:
    assert effective_number(np.full(7, 1 / 7)) == pytest.approx(7)
    assert effective_number(np.array([0.0, 0.25, 0.25, 0.25, 0.25, 0.0])) == pytest.approx(4)
    assert np.isnan(effective_number(np.zeros(3)))


def test_a_grade_with_two_subjects_gives_little_more_than_two_effective_units() -> None:
    shares = np.concatenate([np.full(2, 0.2 / 2), np.full(100, 0.8 / 100)])
    assert 2 < effective_number(shares) < 4.5


def test_the_interval_of_these_models_is_that_of_a_mean() -> None:
    """If the metric is a mean over 12 subjects, it is Student's t interval."""
    values = np.random.default_rng(0).normal(0.3, 1.0, 12)
    draws = np.random.default_rng(1).multinomial(12, np.full(12, 1 / 12), 40_000) / 12
    resampled = np.concatenate([[values.mean()], draws @ values, [np.nan]])[:, None]
    difference = PairedDifference.resampled(resampled, np.full(12, 1 / 12))
    expected = stats.t.interval(0.95, 11, values.mean(), stats.sem(values))
    assert [difference.trained.low, difference.trained.high] == pytest.approx(expected, rel=0.02)
    assert difference.value == pytest.approx(values.mean())


def made(by_seed: list[float], own: float, shared: float, units: float = 41.0) -> PairedDifference:
    seeds = len(by_seed)
    return PairedDifference(np.array(by_seed), np.full((seeds, seeds), shared) + own * np.eye(seeds), units - 1)


def obuchowski_rockette(candidate: np.ndarray, baseline: np.ndarray, shared: float) -> tuple[float, float]:
    """Half the interval of two modalities' difference over readers, from mean squares (Hillis, 2007, equations 5-7)."""
    readers, values = len(candidate), np.stack([candidate, baseline])
    residuals = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    mean_square = (residuals**2).sum() / (readers - 1)
    denominator = mean_square + readers * max(shared / 2, 0)  # Cov2 - Cov3 is half the covariance of differences
    freedom = denominator**2 / (mean_square**2 / (readers - 1))
    return np.sqrt(2 / readers * denominator), freedom


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("shared", [0.05, -0.05])
def test_the_interval_of_the_method_matches_obuchowski_rockette(seeds: int, shared: float) -> None:
    """With many subjects and clearly different seeds; a negative covariance, which is due to chance, counts as 0."""
    random = np.random.default_rng(seeds)
    candidate, baseline = random.normal(size=(2, seeds))
    error, freedom = obuchowski_rockette(candidate, baseline, shared)
    low, high = (candidate - baseline).mean() + error * stats.t.ppf([0.025, 0.975], freedom)
    difference = made(list(candidate - baseline), own=0.02, shared=shared, units=1e9)
    assert difference.method == pytest.approx((difference.value, low, high))


def test_seeds_that_differ_no_more_than_by_chance_add_nothing() -> None:
    difference = made([0.1, 0.2, 0.3], own=0.04, shared=0.01)  # s^2 is 0.01
    assert difference.method == difference.trained
    assert difference.seed_deviation == pytest.approx(0.1)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-1, 1), min_size=2, max_size=6),
    st.floats(0, 1),
    st.floats(-0.1, 1),
    st.floats(3, 1000),
    st.floats(0.01, 100),
)
@example(by_seed=[0.0, 6.840395104065101e-91], own=0.0, shared=1.0, units=440.375, scale=1.0)
def test_the_interval_of_the_method_contains_that_of_these_models(by_seed, own, shared, units, scale) -> None:
    shared = max(shared, -own / len(by_seed))  # else it would not be a covariance
    difference = made(by_seed, own, shared, units)
    assume(not difference.no_spread and scale**2 * max(own, abs(shared)) > 0)
    trained, method = difference.trained, difference.method
    rounding = 1e-12 * max(abs(trained.low), abs(trained.high))  # quantiles of nearly equal degrees of freedom
    assert method.low - rounding <= trained.low <= difference.value <= trained.high <= method.high + rounding
    scaled = made([scale * value for value in by_seed], scale**2 * own, scale**2 * shared, units)
    assert scaled.trained == pytest.approx([scale * limit for limit in trained], rel=1e-6, abs=1e-6 * scale)


def test_one_seed_gives_no_interval_of_the_method() -> None:
    difference = made([0.1], own=0.01, shared=0.0)
    assert np.isnan(difference.method[1:]).all()
    assert np.isnan(difference.seed_deviation)
    assert np.isfinite(difference.trained).all()


@pytest.mark.parametrize("shares", [[1.0], [0.9, 0.1, 0.0], [0.0, 0.0]])
def test_fewer_than_two_effective_units_give_no_interval(shares: list[float]) -> None:
    difference = PairedDifference.resampled(np.random.default_rng(0).normal(size=(50, 3)), np.array(shares))
    assert np.isfinite(difference.value)
    assert np.isnan([*difference.trained[1:], *difference.method[1:], difference.detectable]).all()


def test_resamples_without_a_value_are_ignored() -> None:
    values, shares = np.random.default_rng(0).normal(size=(400, 2)), np.full(9, 1 / 9)
    with_gaps = np.insert(values, 5, [np.nan, 1.0], axis=0)
    assert PairedDifference.resampled(with_gaps, shares).trained == PairedDifference.resampled(values, shares).trained


def test_the_detectable_difference_is_shown_with_80_percent_power() -> None:
    random, units, deviation = np.random.default_rng(0), 25, 0.2
    true = made([0.0], own=deviation**2 / units, shared=0.0, units=units).detectable
    samples = random.normal(true, deviation, (4000, units))
    shown = [
        PairedDifference(sample[:1] * 0 + sample.mean(), np.full((1, 1), sample.var(ddof=1) / units), units - 1)
        for sample in samples
    ]
    assert np.mean([difference.trained.low > 0 for difference in shown]) == pytest.approx(0.8, abs=0.03)


def simulated(seeds: int, units: int, shared: float, seed_variance: float, number: int) -> np.ndarray:
    """Whether the intervals of these models and of the method contain the true difference 0: (number, 2).

    Subjects have an effect that all seeds share and one of each seed's own, variance 1 in all; the variance over seeds
    is given as a multiple of the sampling variance of one of them.
    """
    random = np.random.default_rng(0)
    held = []
    for _ in range(number):
        of_seed = random.normal(scale=np.sqrt(seed_variance / units), size=seeds)
        subjects = np.sqrt(shared) * random.normal(size=(units, 1))
        subjects = subjects + np.sqrt(1 - shared) * random.normal(size=(units, seeds))
        covariance = np.cov(subjects.T) / units
        difference = PairedDifference(of_seed + subjects.mean(axis=0), covariance, units - 1)
        intervals = (difference.trained, of_seed.mean()), (difference.method, 0.0)
        held.append([interval.low <= truth <= interval.high for interval, truth in intervals])
    return np.array(held)


@pytest.mark.parametrize("seed_variance", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_intervals_have_their_nominal_coverage(seeds: int, shared: float, seed_variance: float) -> None:
    held = simulated(seeds, 25, shared, seed_variance, 1500).mean(axis=0)
    assert (held > 0.915).all()
    assert (held < 0.985).all()
