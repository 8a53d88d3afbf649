"""The average face, in its own units: the pupils are at (-1, 0) and (1, 0), x runs to the right and y down.

The mean shape, made symmetric, of the neutral faces of the Face Research Lab London Set (DeBruine and Jones 2017).
"""

from collections.abc import Sequence

import numpy as np

Points = Sequence[tuple[float, float]]


def _pair(right: Points) -> tuple[np.ndarray, np.ndarray]:
    """An outline on the right and its mirror image on the left."""
    return np.array(right), np.array(right) * (-1, 1)


def _both(right: Points) -> np.ndarray:
    """A complete outline from its right half, whose points run from top to bottom."""
    half, mirrored = _pair(right)
    return np.concatenate([half, mirrored[::-1]])


LANDMARKS = np.array([(-1, 0), (1, 0), (0, 1.09), (-0.82, 2.22), (0.82, 2.22)])  # as MTCNN defines them
CENTRE = np.array([0, 0.63])
HALF_HEIGHT = 3.07  # from the centre to the hairline and to the chin

OUTLINE = _both(
    (
        *((0, -2.42), (0.70, -2.43), (1.31, -2.26), (1.74, -1.86), (1.93, -1.25), (2.11, -0.59), (2.22, 0.19)),
        *((2.20, 0.92), (2.08, 1.71), (1.96, 2.21), (1.75, 2.70), (1.29, 3.21), (0.70, 3.55), (0, 3.69)),
    )
)
EYES = _pair(
    [(0.54, 0.10), (0.76, -0.07), (1.0, -0.14), (1.23, -0.08), (1.39, 0.05), (1.23, 0.15), (1.0, 0.18), (0.76, 0.14)]
)
BROWS = _pair(
    [(0.44, -0.38), (0.43, -0.55), (0.95, -0.74), (1.35, -0.75), (1.66, -0.59), (1.85, -0.26), (1.4, -0.49), (1, -0.48)]
)
NOSTRILS = _pair([(0.16, 1.30), (0.40, 1.27), (0.40, 1.41), (0.10, 1.39)])
LIPS = _both([(0, 1.94), (0.24, 1.89), (0.50, 2.0), (0.80, 2.21), (0.57, 2.36), (0.32, 2.46), (0, 2.50)])

BARE_SKIN = (  # skin on nearly every face: the cheeks above a beard, the bridge of the nose and the forehead
    *_pair([(0.85, 0.65), (1.45, 0.65), (1.45, 1.3), (0.85, 1.3)]),
    _both([(0, 0.1), (0.15, 0.1), (0.15, 0.8), (0, 0.8)]),
    _both([(0, -1.65), (0.6, -1.65), (0.6, -0.95), (0, -0.95)]),
)
