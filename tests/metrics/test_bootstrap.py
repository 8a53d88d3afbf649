"""The bootstrap against a slow one that draws subject by subject."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.metrics import functional as of
from multiskin.metrics.bootstrap import Interval, interval, metric_values, resampled_confusions, sampling_units


def graded(photos: int, heads: int, grades: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Grades, some missing, and decisions at most one grade off."""
    random = np.random.default_rng(seed)
    true = random.integers(-1, grades, (photos, heads))
    return true, np.clip(true + random.integers(-1, 2, true.shape), 0, grades - 1)


def test_photos_with_the_same_name_belong_to_one_unit() -> None:
    assert sampling_units(["kim", "a", "lee", "kim", "b"]).tolist() == [0, 1, 2, 0, 3]
    assert sampling_units([]).tolist() == []


@pytest.mark.parametrize("resamples", [7, 230])
def test_resamples_count_every_photo_as_often_as_its_subject_is_drawn(resamples: int) -> None:
    grades, decisions = graded(40, 2, 3)
    units = np.random.default_rng(1).integers(0, 9, 40)
    units = np.unique(units, return_inverse=True)[1]
    confusions = resampled_confusions(grades, decisions, units, 3, resamples, seed=5)
    number = units.max() + 1
    draws = np.random.default_rng(5).multinomial(number, np.full(number, 1 / number), resamples)
    times = np.vstack([np.ones(number), draws])
    assert confusions.shape == (1 + resamples, 2, 3, 3)
    for r in {0, 1, resamples // 2, resamples}:
        expected = np.zeros((2, 3, 3))
        for photo, unit in enumerate(units):
            for h in range(2):
                if grades[photo, h] >= 0:
                    expected[h, grades[photo, h], decisions[photo, h]] += times[r, unit]
        np.testing.assert_array_equal(confusions[r].numpy(), expected)


@pytest.mark.parametrize("metric", [of.p_recall, of.quadratic_kappa, of.mae, of.accuracy, of.macro_recall, of.macro_f1])
def test_the_interval_equals_that_of_a_slow_bootstrap(metric) -> None:
    grades, decisions = graded(60, 1, 3)
    subjects = np.arange(60) // 4
    value, low, high = interval(metric_values(metric, resampled_confusions(grades, decisions, subjects, 3)[:, 0]))
    random, slow = np.random.default_rng(99), []
    for _ in range(600):
        photos = np.concatenate([np.flatnonzero(subjects == drawn) for drawn in random.integers(0, 15, 15)])
        slow.append(metric(of.confusion_matrix(*map(torch.from_numpy, (grades[photos, 0], decisions[photos, 0])), 3)))
    whole = metric(of.confusion_matrix(*map(torch.from_numpy, (grades[:, 0], decisions[:, 0])), 3))
    assert value == pytest.approx(whole.item())
    width = np.ptp(np.percentile(slow, [2.5, 97.5]))
    assert [low, high] == pytest.approx(np.percentile(slow, [2.5, 97.5]), abs=0.15 * width)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 3), st.integers(2, 6), st.integers(0, 99))
def test_the_same_seed_draws_the_same_resamples_of_the_full_size(photos: int, heads: int, k: int, seed: int) -> None:
    grades, decisions = graded(photos, heads, k, seed)
    every = resampled_confusions(np.abs(grades), decisions, np.arange(photos), k, 5, seed)
    again = resampled_confusions(np.abs(grades), decisions, np.arange(photos), k, 5, seed)
    assert torch.equal(every.nan_to_num(-1), again.nan_to_num(-1))
    if photos > 1:
        assert (every.sum((2, 3)) == photos).all()


def test_a_single_subject_has_a_value_without_an_interval() -> None:
    grades, decisions = graded(9, 1, 3)
    confusions = resampled_confusions(grades, decisions, np.zeros(9, int), 3)
    for metric in (of.p_recall, of.quadratic_kappa, of.mae):
        value, low, high = interval(metric_values(metric, confusions[:, 0]))
        assert np.isfinite(value)
        assert np.isnan([low, high]).all()


def test_resamples_without_a_value_are_ignored() -> None:
    assert interval(np.array([0.5, 1.0, np.nan, 1.0])) == Interval(0.5, 1.0, 1.0)
