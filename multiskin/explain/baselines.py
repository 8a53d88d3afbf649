"""Baseline maps that ignore the photo: a method that does not beat them shows nothing.

Each has the resolution of the maps it is compared with, so that resolution gives neither an advantage.
"""

from collections.abc import Sequence

import numpy as np

BLOB_STD = 0.25  # standard deviation of the blob, as a share of the map's side


def uniform(rows: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The same value everywhere, which scores at chance level."""
    return np.ones((len(rows), *shape), np.float32)


def centre_blob(rows: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """A Gaussian in the middle, where the subject of a photo usually is."""
    down, across = (np.square((np.arange(n) + 0.5) / n - 0.5) for n in shape[1:])
    blob = np.exp(-(down[:, None] + across) / (2 * BLOB_STD**2))
    return np.broadcast_to(blob.astype(np.float32), (len(rows), *shape)).copy()


def random_smooth(rows: np.ndarray, shape: Sequence[int], seed: int) -> np.ndarray:
    """Normal noise in every cell, which upsampling makes smooth; it depends on the photo's row, not on the batch.

    Args:
        rows: (B,) the rows of the photos in their table.
        shape: (H, h, w).
        seed: seed of the noise.
    """
    draws = [np.random.default_rng([seed, int(row)]).standard_normal(shape, np.float32) for row in rows]
    return np.stack(draws)  # (B, H, h, w)
