"""Band-limited random fields: coarse grids of normal numbers, enlarged. The pattern is the same at every image size."""

import cv2
import numpy as np

CUBIC_LOSS = 1.25  # enlarging by cubic interpolation averages, and takes the deviation from 1 to about 0.8


def smooth(rng: np.random.Generator, shape: tuple[int, int], cells: float) -> np.ndarray:
    """Noise of mean 0 and deviation about 1 whose bumps are 1 / cells of the image wide, (h, w) float32."""
    height, width = shape
    side = int(np.ceil(cells)) + 1
    grid = rng.standard_normal((side, side), dtype=np.float32)
    field = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return field * CUBIC_LOSS if side < width else field


def fractal(rng: np.random.Generator, shape: tuple[int, int], cells: float, octaves: int = 3) -> np.ndarray:
    """A sum of smooth fields, each twice as fine and half as strong as the one before; deviation about 1."""
    strengths = 0.5 ** np.arange(octaves)
    layers = [strength * smooth(rng, shape, cells * 2**i) for i, strength in enumerate(strengths.tolist())]
    return np.add.reduce(layers) / float(np.linalg.norm(strengths))


def warped(rng: np.random.Generator, field: np.ndarray, cells: float, reach: float) -> np.ndarray:
    """A field pulled about by up to some `reach` of its width, which hides the grid that it was made on."""
    height, width = field.shape
    down, right = np.mgrid[:height, :width].astype(np.float32)
    right += reach * width * smooth(rng, field.shape, cells)
    down += reach * width * smooth(rng, field.shape, cells)
    return cv2.remap(field, right, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def ridged(rng: np.random.Generator, shape: tuple[int, int], cells: float, width: float = 0.12) -> np.ndarray:
    """Thin winding lines where a field crosses zero: 1 on the line, 0 away from it."""
    field = smooth(rng, shape, cells)
    return np.exp(-((field / width) ** 2))


def strands(rng: np.random.Generator, along: np.ndarray, across: np.ndarray, fineness: float) -> np.ndarray:
    """Noise drawn out along one of two coordinate fields, as hair is; deviation about 1.

    Args:
        rng: where the numbers come from.
        along: coordinate in the direction of the strands, (h, w) float32.
        across: coordinate from strand to strand, (h, w) float32.
        fineness: strands for one unit of `across`.
    """
    texture = rng.standard_normal((64, 512), dtype=np.float32)
    u = (across * fineness + 256) % 511
    v = (along * 3 + 32) % 63
    return cv2.remap(texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT) * CUBIC_LOSS
