"""Hydration, or the lack of it: plates of horny skin that lift and whiten at the rim, fine cracks, split lips."""

import cv2
import numpy as np

from multiskin.data.render.conditions.onset import onsets, strength
from multiskin.data.render.geometry import step
from multiskin.data.render.ground import Ground
from multiskin.data.render.noise import fractal, smooth
from multiskin.data.render.tones import HAEMOGLOBIN

CRACKS = 12  # of the lips
PLATES = 26  # across the photo
FLAKE = np.array([1.0, 0.98, 0.95], dtype=np.float32)  # dead skin scatters white, on any tone


def draw(ground: Ground, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Lifts flakes and opens cracks; the mask is where either shows."""
    flakes, cracks = plates(ground, severity, rng)
    splits = lip_cracks(ground, severity, rng)
    dry = ground.skin * ground.regions["dry"]
    flakes, cracks = flakes * dry, cracks * dry * (1 - ground.regions["lips"])
    ground.albedo += (0.6 * flakes)[..., None] * (FLAKE * np.sqrt(ground.albedo) - ground.albedo)
    ground.relief += 0.022 * flakes - 0.022 * cracks - 0.05 * splits
    ground.stain(0.35 * cracks + 0.9 * splits, HAEMOGLOBIN + 0.5)
    ground.sheen *= 1 - 0.5 * flakes
    return np.clip(np.maximum(flakes, np.maximum(cracks, splits)), 0, 1)


def plates(ground: Ground, severity: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rims of lifted plates and the cracks between plates, each 0..1, (h, w)."""
    nearest, right, down = voronoi(ground.shape, rng)
    patchy = fractal(rng, (PLATES + 2, PLATES + 2), 5).ravel()
    rank = np.argsort(np.argsort(patchy + 0.6 * rng.standard_normal(patchy.size))) / patchy.size
    lifted = strength(severity, (0.95 * rank).astype(np.float32), 0.3)[nearest] * (0.5 + 0.5 * severity)
    turn = rng.uniform(0, 2 * np.pi, patchy.size).astype(np.float32)
    rim = step(0.05, 0.55, right * np.cos(turn)[nearest] + down * np.sin(turn)[nearest])
    seam = cv2.morphologyEx(nearest.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((2, 2))) > 0
    seam = cv2.GaussianBlur(seam.astype(np.float32), (0, 0), ground.unit / 160)
    return lifted * (0.2 + 0.8 * rim), lifted * seam


def voronoi(shape: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """The plate that each pixel belongs to, and how far right of its middle and below it, in plate widths; (h, w)."""
    height, width = shape
    cell = width / PLATES
    grid = np.stack(np.meshgrid(np.arange(PLATES + 2), np.arange(PLATES + 2)), -1).reshape(-1, 2) - 0.5
    seeds = (grid + rng.uniform(-0.45, 0.45, grid.shape)) * cell
    inside = ((seeds >= 0) & (seeds < [width, height])).all(axis=1)
    index = np.flatnonzero(inside)
    columns, rows = seeds[inside].astype(int).T
    empty = np.full(shape, 255, np.uint8)
    empty[rows, columns] = 0
    _, labels = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    plate_of_label = np.zeros(labels.max() + 1, int)
    plate_of_label[labels[rows, columns]] = index
    nearest = plate_of_label[labels]
    middle = (seeds / cell).astype(np.float32)[nearest]
    y, x = np.mgrid[:height, :width].astype(np.float32) / cell
    return nearest, x - middle[..., 0], y - middle[..., 1]


def lip_cracks(ground: Ground, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Thin upright splits in one lip or the other, 0..1, (h, w)."""
    wander = ground.x + 0.010 * smooth(rng, ground.shape, 16) + 0.004 * smooth(rng, ground.shape, 50)
    broken = np.clip(0.7 + 0.5 * smooth(rng, ground.shape, 18), 0, 1)
    middle = float(np.average(ground.y, weights=ground.regions["lips"] + 1e-6))
    places, onset = rng.permutation(np.linspace(-0.45, 0.45, CRACKS)), onsets(rng, CRACKS, last=0.8)
    splits = np.zeros(ground.shape, np.float32)
    for place, begin, lower in zip(places.tolist(), onset.tolist(), rng.random(CRACKS) < 0.6, strict=True):
        open_ = float(strength(severity, begin, 0.3)) * (0.5 + 0.5 * severity)
        lip = step(-0.05, 0.05, ground.y - middle if lower else middle - ground.y)
        splits = np.maximum(splits, open_ * lip * np.exp(-(((wander - place) / 0.011) ** 2)))
    return ground.regions["lips"] * splits * broken
