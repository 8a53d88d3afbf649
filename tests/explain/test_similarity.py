import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from multiskin.explain.similarity import head_similarity, mean_known, rank_correlation

MAPS = arrays(np.float32, (2, 3, 4, 4), elements=st.integers(-3, 3).map(float))


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan
    return float(spearmanr(one.ravel(), other.ravel()).statistic)


@settings(max_examples=30, deadline=None)
@given(MAPS, MAPS)
def test_the_rank_correlation_matches_scipy(first: np.ndarray, second: np.ndarray) -> None:
    got = rank_correlation(first, second)
    for b, h in np.ndindex(2, 3):
        assert got[b, h] == pytest.approx(spearman(first[b, h], second[b, h]), abs=1e-9, nan_ok=True)


@settings(max_examples=15, deadline=None)
@given(MAPS)
def test_every_pair_of_heads_is_compared_on_each_photo(maps: np.ndarray) -> None:
    got = head_similarity(maps)
    assert got.shape == (2, 3, 3)
    for b, h, other in np.ndindex(2, 3, 3):
        assert got[b, h, other] == pytest.approx(spearman(maps[b, h], maps[b, other]), abs=1e-9, nan_ok=True)


def test_monotone_changes_of_contrast_do_not_matter() -> None:
    maps = np.random.default_rng(0).normal(size=(5, 7, 7))
    np.testing.assert_allclose(rank_correlation(maps, np.exp(3 * maps)), 1)
    np.testing.assert_allclose(rank_correlation(maps, -2 * maps), -1)


def test_nan_is_left_out_of_means() -> None:
    np.testing.assert_array_equal(mean_known(np.array([[1, np.nan, np.nan], [3, 5, np.nan]])), [2, 5, np.nan])
