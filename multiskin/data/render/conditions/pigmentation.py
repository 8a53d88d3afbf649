"""Pigmentation: spots of melanin with uneven edges, more, larger and darker as severity grows."""

import cv2
import numpy as np

from multiskin.data.render.conditions.onset import onsets, strength
from multiskin.data.render.geometry import step
from multiskin.data.render.ground import Ground
from multiskin.data.render.noise import smooth
from multiskin.data.render.tones import MELANIN

SPOTS = 90
DARKEST = 0.95  # density of melanin in the darkest spot
PLACES = 24  # spots are placed on a grid this fine, and anywhere within its cells


def draw(ground: Ground, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Stains the spots; the mask is how much each place has darkened."""
    centres = place(ground, rng)
    sizes = np.exp(rng.normal(-3.55, 0.42, SPOTS)).astype(np.float32) * ground.unit
    depth = strength(severity, onsets(rng, SPOTS, last=0.9), 0.25) * rng.uniform(0.45, 1.0, SPOTS)
    ragged = smooth(rng, ground.shape, 32)
    density = np.zeros(ground.shape, np.float32)
    for (row, column), size, dark in zip(centres.tolist(), sizes.tolist(), depth.tolist(), strict=True):
        if dark > 0:
            add_spot(density, row, column, size * (0.8 + 0.4 * severity), dark * (0.65 + 0.35 * severity), ragged)
    density *= ground.skin
    ground.stain(DARKEST * density, MELANIN)
    return np.clip(density, 0, 1)


def place(ground: Ground, rng: np.random.Generator) -> np.ndarray:
    """Rows and columns of the spots, most where sun falls, (SPOTS, 2)."""
    height, width = ground.shape
    chance = cv2.resize(ground.skin * ground.regions["sun"], (PLACES, PLACES), interpolation=cv2.INTER_AREA).ravel()
    cumulated = np.cumsum(chance, dtype=np.float64)
    cells = np.searchsorted(cumulated / cumulated[-1], rng.random(SPOTS))
    inside = rng.random((SPOTS, 2))
    return (np.stack(np.divmod(cells, PLACES), axis=1) + inside) * [height / PLACES, width / PLACES]


def add_spot(density: np.ndarray, row: float, column: float, size: float, dark: float, ragged: np.ndarray) -> None:
    """Adds one spot of a radius in pixels, in place; where spots overlap the darker one shows."""
    reach = int(np.ceil(2 * size)) + 1
    top, left = max(int(row) - reach, 0), max(int(column) - reach, 0)
    window = np.s_[top : int(row) + reach + 1, left : int(column) + reach + 1]
    down, right = np.ogrid[top : top + density[window].shape[0], left : left + density[window].shape[1]]
    distance = np.hypot(down + 0.5 - row, right + 0.5 - column).astype(np.float32) / size
    edge = distance * (1 + 0.16 * ragged[window])
    spot = dark * step(1.5, 0.6, edge)
    density[window] = np.maximum(density[window], spot)
