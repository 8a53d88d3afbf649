"""Maps that know nothing about the photo: any method must beat them to show anything.

Each has the resolution of the maps that it is compared with, so that being finer or coarser makes no difference.
"""

from collections.abc import Sequence

import numpy as np

WIDTH = 0.25  # standard deviation of the blob, of the map's side


def uniform(rows: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The same everywhere: chance."""
    return np.ones((len(rows), *shape), np.float32)


def centre_blob(rows: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """A Gaussian in the middle, where the subject of a photo mostly is."""
    down, across = (np.square((np.arange(n) + 0.5) / n - 0.5) for n in shape[1:])
    blob = np.exp(-(down[:, None] + across) / (2 * WIDTH**2))
    return np.broadcast_to(blob.astype(np.float32), (len(rows), *shape)).copy()


def random_smooth(rows: np.ndarray, shape: Sequence[int], seed: int) -> np.ndarray:
    """Normal noise in every cell, smooth once upsampled; each photo has its own, by its row, in any batch.

    Args:
        rows: (B,) the photos'.
        shape: (H, h, w).
        seed: the same one draws the same.
    """
    draws = [np.random.default_rng([seed, int(row)]).standard_normal(shape, np.float32) for row in rows]
    return np.stack(draws)  # (B, H, h, w)
