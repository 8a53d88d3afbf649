"""The similarity of two maps: the rank correlation of their cells, which ignores scale and contrast."""

import numpy as np
from scipy.stats import rankdata


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation (...) of maps (..., h, w), with broadcasting; NaN if a map is constant."""
    one, other = _standard_ranks(first), _standard_ranks(second)
    return (one * other).sum(axis=-1)


def _standard_ranks(maps: np.ndarray) -> np.ndarray:
    """Ranks of the cells (..., h * w) with mean 0 and norm 1, averaged over ties; NaN if all cells are equal."""
    ranks = rankdata(maps.reshape(*maps.shape[:-2], -1), axis=-1)
    ranks -= ranks.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(ranks, axis=-1, keepdims=True)
    return np.divide(ranks, length, out=np.full_like(ranks, np.nan), where=length > 0)


def head_similarity(maps: np.ndarray) -> np.ndarray:
    """The rank correlation of each pair of heads' maps on the same photo: (B, H, h, w) to (B, H, H)."""
    return rank_correlation(maps[:, :, None], maps[:, None, :])


def mean_known(values: np.ndarray) -> np.ndarray:
    """The mean over the first axis without NaN: (N, ...) to (...), NaN if all values are."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(total.shape, np.nan), where=known.any(axis=0))
