"""Resampled grade distributions for training; a head's probabilities then refer to that distribution."""

from collections.abc import Callable, Sequence

import numpy as np

from multiskin.errors import UserError, unknown
from multiskin.schema import Attribute

EFFECTIVE_NUMBER_BETA = 0.999

RESAMPLES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "natural": lambda counts: counts,
    "balanced": lambda counts: (counts > 0).astype(float),
    "square_root": np.sqrt,
    # effective number of n samples, Cui et al., 2019, https://arxiv.org/abs/1901.05555
    "effective_number": lambda counts: (1 - EFFECTIVE_NUMBER_BETA**counts) / (1 - EFFECTIVE_NUMBER_BETA),
}


def grade_distribution(resample: str | Sequence[float], counts: np.ndarray, attribute: Attribute) -> np.ndarray:
    """The share of each grade (K,) that a head is trained on, given its training counts (K,).

    Raises:
        UserError: an unknown name, a list of shares that does not fit the training grades, or no graded photo at all.
    """
    where = f"heads.{attribute.name}.resample"
    if not counts.any():
        raise UserError(
            f"{where}: no training photo is graded for {attribute.name}; grade some, or remove the attribute"
        )
    if isinstance(resample, str):
        if resample not in RESAMPLES:
            raise unknown("resampling", resample, RESAMPLES, where)
        shares = RESAMPLES[resample](counts.astype(float))
    else:
        shares = _listed_shares(resample, counts, where)
    return shares / shares.sum()


def _listed_shares(listed: Sequence[float], counts: np.ndarray, where: str) -> np.ndarray:
    shares = np.asarray(listed, float)
    if shares.shape != counts.shape:
        raise UserError(f"{where}: {shares.size} shares for {counts.size} grades; give one for each grade")
    if not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
        raise UserError(f"{where}: shares are {list(listed)}; give finite numbers from 0 up, not all 0")
    absent = np.flatnonzero((shares > 0) & (counts == 0))
    if absent.size:
        raise UserError(f"{where}: grade {absent[0]} has a share but no training photos; set its share to 0")
    return shares
