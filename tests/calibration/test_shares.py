"""Shares of grades follow training as far as the photos agree with it, and weights bring photos to them."""

from math import exp, lgamma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiskin.calibration.shares import importance_weights, independent_photos, natural_shares

SKEWED = np.array([500, 300, 150, 50])


def photos(*numbers: int) -> np.ndarray:
    return np.repeat(np.arange(len(numbers)), numbers)


def estimated(grades: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """From photos of different subjects."""
    return natural_shares(grades, counts, np.arange(len(grades)))


def slow_shares(found: list[int], counts: list[int]) -> list[float]:
    """The posterior mean as a sum over concentrations, of Dirichlet-multinomial probabilities."""
    k, total, weights = len(found), sum(found), 0.0
    sums = [0.0] * k
    for step in range(40):
        concentration = k * 1000 ** (step / 39)
        prior = [concentration * count / sum(counts) for count in counts]
        weight = exp(
            sum(lgamma(a + n) - lgamma(a) for a, n in zip(prior, found, strict=True))
            + lgamma(concentration)
            - lgamma(concentration + total)
        )
        weights += weight
        sums = [s + weight * (a + n) / (concentration + total) for s, a, n in zip(sums, prior, found, strict=True)]
    return [each / weights for each in sums]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 500)), min_size=2, max_size=6))
def test_shares_equal_a_slow_sum(cells: list[tuple[int, int]]) -> None:
    found, counts = [n for n, _ in cells], [c for _, c in cells]
    if sum(found):
        shares = estimated(photos(*found), np.array(counts))
        np.testing.assert_allclose(shares, slow_shares(found, counts), rtol=1e-6)
        assert shares.sum() == pytest.approx(1)
        assert shares.min() > 0


def test_a_sample_that_training_explains_takes_over_its_shares() -> None:
    shares = estimated(photos(45, 36, 14, 5), SKEWED)
    np.testing.assert_allclose(shares, SKEWED / 1000, atol=0.02)
    assert abs(shares[1] - 0.3) < abs(shares[1] - 0.36) / 2


def test_a_sample_of_other_photos_keeps_its_own() -> None:
    np.testing.assert_allclose(estimated(photos(50, 50, 50, 50), SKEWED), np.full(4, 0.25), atol=0.02)


def test_the_more_photos_the_more_they_say() -> None:
    """With ten thousand, even a slight difference is theirs."""
    errors = [abs(estimated(photos(55 * n, 25 * n, 15 * n, 5 * n), SKEWED)[0] - 0.55) for n in (1, 10, 100)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.005


def test_one_photo_leaves_nearly_the_shares_of_training() -> None:
    np.testing.assert_allclose(estimated(photos(0, 0, 0, 1), SKEWED), SKEWED / 1000, atol=0.06)


def test_of_a_grade_without_training_the_photos_alone_tell() -> None:
    shares = estimated(photos(40, 40, 20), np.array([30, 30, 0]))
    assert shares == pytest.approx([0.4, 0.4, 0.2])
    assert estimated(photos(1, 0, 1), np.zeros(3)) == pytest.approx([0.5, 0, 0.5])
    assert estimated(photos(0, 0, 3), np.array([1, 1, 0])) == pytest.approx([0, 0, 1])


def test_photos_of_different_subjects_count_each() -> None:
    assert independent_photos(photos(3, 7, 11), np.arange(21)) == pytest.approx(21)


def test_photos_of_one_subject_with_one_grade_count_as_one() -> None:
    grades, subjects = np.repeat(photos(8, 6, 6), 10), np.repeat(np.arange(20), 10)
    assert independent_photos(grades, subjects) == pytest.approx(20, rel=0.06)
    assert independent_photos(np.zeros(50, int), np.arange(50) // 10) == 5
    assert independent_photos(photos(3, 4), np.zeros(7, int)) == 1


def test_photos_of_one_subject_with_unrelated_grades_count_nearly_each() -> None:
    random = np.random.default_rng(0)
    found = [independent_photos(random.choice(4, 300, p=SKEWED / 1000), np.arange(300) // 10) for _ in range(50)]
    assert 270 < np.mean(found) <= 300
    assert independent_photos(np.tile([0, 1], 20), np.arange(40) // 2) == 40  # as alike as can be: not more than all


def test_independent_photos_equal_the_ratio_of_variances_by_simulation() -> None:
    """Over many samples, shares from clustered photos vary as those from so many independent ones."""
    random, subjects, size, alike = np.random.default_rng(1), 60, 6, 0.6
    shares, counted = [], []
    for _ in range(400):
        own = random.choice(3, (subjects, 1), p=[0.5, 0.3, 0.2])
        other = random.choice(3, (subjects, size), p=[0.5, 0.3, 0.2])
        grades = np.where(random.random((subjects, size)) < alike, own, other).ravel()
        shares.append((grades == 0).mean())
        counted.append(independent_photos(grades, np.repeat(np.arange(subjects), size)))
    assert np.mean(counted) == pytest.approx(0.25 / np.var(shares), rel=0.15)


def test_accidents_of_few_subjects_with_many_photos_are_not_taken_for_another_population() -> None:
    random, errors, sample = np.random.default_rng(2), [], []
    for _ in range(50):
        grades = np.repeat(random.choice(4, 20, p=SKEWED / 1000), 10)
        found = natural_shares(grades, SKEWED, np.repeat(np.arange(20), 10))
        errors.append(np.abs(found - SKEWED / 1000).sum())
        sample.append(np.abs(np.bincount(grades, minlength=4) / 200 - SKEWED / 1000).sum())
    assert np.mean(errors) < np.mean(sample) / 2


@given(st.lists(st.tuples(st.integers(1, 30), st.floats(0.01, 1)), min_size=2, max_size=6))
def test_weighted_photos_have_the_natural_shares(cells: list[tuple[int, float]]) -> None:
    grades, natural = photos(*(n for n, _ in cells)), np.array([share for _, share in cells])
    natural = natural / natural.sum()
    weights = importance_weights(grades, natural)
    np.testing.assert_allclose(np.bincount(grades, weights) / weights.sum(), natural)
    assert weights.sum() == pytest.approx(weights.sum() ** 2 / (weights**2).sum())  # as many as they are worth
    assert weights.sum() <= len(grades) + 1e-9


def test_photos_count_once_if_they_have_the_natural_shares() -> None:
    np.testing.assert_allclose(importance_weights(photos(2, 6), np.array([0.25, 0.75])), np.ones(8))


def test_a_grade_without_a_photo_leaves_the_others_in_proportion() -> None:
    weights = importance_weights(photos(0, 2, 2), np.array([0.2, 0.4, 0.4]))
    np.testing.assert_allclose(weights, np.ones(4))
