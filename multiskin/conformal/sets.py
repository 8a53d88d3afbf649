"""Sets of grades as masks (..., K), true for the grades in the set."""

import numpy as np


def fill_gaps(sets: np.ndarray) -> np.ndarray:
    """Sets (..., K) with the gaps between their lowest and highest grade filled."""
    from_below = np.logical_or.accumulate(sets, axis=-1)
    from_above = np.logical_or.accumulate(sets[..., ::-1], axis=-1)[..., ::-1]
    return from_below & from_above


def lowest(sets: np.ndarray) -> np.ndarray:
    """The lowest grade (...) of each non-empty set (..., K)."""
    return sets.argmax(axis=-1)


def highest(sets: np.ndarray) -> np.ndarray:
    """The highest grade (...) of each non-empty set (..., K)."""
    return sets.shape[-1] - 1 - sets[..., ::-1].argmax(axis=-1)
