"""Shares of grades follow training as far as the photos agree with it, and weights bring photos to them."""

from math import exp, lgamma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiskin.calibration.shares import importance_weights, natural_shares

SKEWED = np.array([500, 300, 150, 50])


def photos(*numbers: int) -> np.ndarray:
    return np.repeat(np.arange(len(numbers)), numbers)


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
        shares = natural_shares(photos(*found), np.array(counts))
        np.testing.assert_allclose(shares, slow_shares(found, counts), rtol=1e-6)
        assert shares.sum() == pytest.approx(1)
        assert shares.min() > 0


def test_a_sample_that_training_explains_takes_over_its_shares() -> None:
    shares = natural_shares(photos(45, 36, 14, 5), SKEWED)
    np.testing.assert_allclose(shares, SKEWED / 1000, atol=0.02)
    assert abs(shares[1] - 0.3) < abs(shares[1] - 0.36) / 2


def test_a_sample_of_other_photos_keeps_its_own() -> None:
    np.testing.assert_allclose(natural_shares(photos(50, 50, 50, 50), SKEWED), np.full(4, 0.25), atol=0.02)


def test_the_more_photos_the_more_they_say() -> None:
    """With ten thousand, even a slight difference is theirs."""
    errors = [abs(natural_shares(photos(55 * n, 25 * n, 15 * n, 5 * n), SKEWED)[0] - 0.55) for n in (1, 10, 100)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.005


def test_one_photo_leaves_nearly_the_shares_of_training() -> None:
    np.testing.assert_allclose(natural_shares(photos(0, 0, 0, 1), SKEWED), SKEWED / 1000, atol=0.06)


def test_of_a_grade_without_training_the_photos_alone_tell() -> None:
    shares = natural_shares(photos(40, 40, 20), np.array([30, 30, 0]))
    assert shares == pytest.approx([0.4, 0.4, 0.2])
    assert natural_shares(photos(1, 0, 1), np.zeros(3)) == pytest.approx([0.5, 0, 0.5])
    assert natural_shares(photos(0, 0, 3), np.array([1, 1, 0])) == pytest.approx([0, 0, 1])


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
