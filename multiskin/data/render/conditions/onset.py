"""How a sign appears as severity grows: each line, spot or flake has its own onset, so that grades are nested."""

import numpy as np

from multiskin.data.render.geometry import step


def onsets(rng: np.random.Generator, count: int, last: float = 0.85) -> np.ndarray:
    """The severity at which each of `count` signs begins: evenly spaced up to `last`, in random order."""
    return rng.permutation((np.arange(count) / count * last).astype(np.float32))


def strength(severity: float, onset: np.ndarray | float, ramp: float) -> np.ndarray:
    """0 before its onset, 1 once severity is `ramp` beyond it."""
    return step(0, ramp, severity - onset)
