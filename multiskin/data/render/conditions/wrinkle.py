"""Wrinkles: creases along the folds that the muscles of the face make, longer, deeper and more as severity grows."""

from dataclasses import dataclass

import numpy as np

from multiskin.data.render.conditions.onset import strength
from multiskin.data.render.geometry import step
from multiskin.data.render.ground import Ground
from multiskin.data.render.noise import smooth
from multiskin.data.render.tones import HAEMOGLOBIN, MELANIN

DEEPEST = 0.055  # units of x


@dataclass(frozen=True)
class Crease:
    """An arc in the face's own coordinates, as it is on average."""

    x: float
    y: float
    turn: float  # radians, 0 for a crease that lies level
    length: float
    bend: float = 0  # how far its middle hangs below its ends
    weight: float = 1


def mirrored(*creases: Crease) -> tuple[Crease, ...]:
    """The same creases on either side of the face."""
    return creases + tuple(Crease(-c.x, c.y, -c.turn, c.length, c.bend, c.weight) for c in creases)


CREASES: dict[str, tuple[Crease, ...]] = {
    "forehead": (
        *(Crease(0, y, 0, length, bend=-0.09) for y, length in zip((-0.42, -0.24, -0.06, 0.12, 0.30, 0.46),
                                                                    (1.1, 1.5, 1.7, 1.7, 1.5, 1.1), strict=True)),
        *mirrored(Crease(0.08, 0.70, 1.45, 0.36, 0.02), Crease(0.62, 0.40, 0.1, 0.6, -0.05, 0.7)),
    ),
    "centre": mirrored(
        Crease(0.45, 0.62, 1.05, 0.75, -0.06, 1.3),  # from the nose to the corner of the mouth
        Crease(0.60, -0.36, 0.1, 0.55, 0.09), Crease(0.64, -0.26, 0.2, 0.50, 0.08, 0.8),  # under the eyes
        Crease(0.70, -0.14, 0.5, 0.5, 0.05, 0.8), Crease(0.78, 0.15, 1.2, 0.55, 0.05, 0.9),  # the cheeks
        Crease(0.10, -0.72, 0.25, 0.28, 0.03, 0.8), Crease(0.09, -0.60, 0.35, 0.26, 0.02, 0.7),  # between the eyes
        Crease(0.06, -0.92, 1.5, 0.26, 0.01), Crease(0.86, -0.42, -0.35, 0.35, 0.02, 0.9),
    ),
    "chin": (
        Crease(0, 0.06, 0, 0.8, -0.09, 1.2), Crease(0, 0.20, 0, 0.55, -0.06, 0.8), Crease(0, 0.55, 0, 0.6, 0.08, 0.7),
        *mirrored(
            Crease(0.66, -0.02, 1.35, 0.65, -0.06, 1.3), Crease(0.80, -0.30, 1.3, 0.7, -0.08, 1.1),  # by the mouth
            Crease(0.10, -0.78, 1.5, 0.22, 0, 0.5), Crease(0.22, -0.76, 1.4, 0.24, 0, 0.6),  # above the lip
            Crease(0.34, -0.72, 1.25, 0.24, 0, 0.6), Crease(0.46, -0.66, 1.1, 0.22, 0, 0.5),
            Crease(0.30, 0.36, 0.8, 0.4, 0.04, 0.7),
        ),
    ),
    "side": (
        *(Crease(-0.34, -0.56 + 0.12 * i, -0.4 + 0.35 * i, 0.42, 0.03, 0.9) for i in range(4)),  # crow's feet
        Crease(-0.78, 0.36, 1.9, 0.6, 0.06, 1.2), Crease(-0.45, 0.30, 1.7, 0.5, 0.06, 0.8),
    ),
}  # fmt: skip


def draw(ground: Ground, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Presses creases into the relief; the mask is how deep each place has sunk."""
    creases = CREASES[ground.part]
    wander = 0.018 * smooth(rng, ground.shape, 5) + 0.006 * smooth(rng, ground.shape, 22)
    broken = np.clip(1.1 + 0.45 * smooth(rng, ground.shape, 9), 0.25, 1.3)
    order = rng.permutation(len(creases)) / len(creases) * 0.72
    jitter = rng.normal(0, 1, (len(creases), 4))
    depth = np.zeros(ground.shape, np.float32)
    for crease, onset, noise in zip(creases, order.tolist(), jitter.tolist(), strict=True):
        deep = float(strength(severity, onset, 0.35)) * (0.4 + 0.6 * severity) * crease.weight
        if deep > 0:
            depth = np.maximum(depth, deep * groove(ground, crease, severity, wander, noise))
    depth *= broken * ground.skin
    ground.relief -= DEEPEST * depth
    ground.stain(0.22 * depth, MELANIN + 0.3 * HAEMOGLOBIN)
    return np.clip(1.2 * depth, 0, 1)


def groove(ground: Ground, crease: Crease, severity: float, wander: np.ndarray, noise: list[float]) -> np.ndarray:
    """The profile of one crease, 1 in its valley; `noise` moves, turns and stretches it."""
    turn = crease.turn + 0.06 * noise[0]
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    dx, dy = ground.x - crease.x - 0.02 * noise[1], ground.y - crease.y - 0.03 * noise[2]
    half = 0.5 * crease.length * (0.65 + 0.45 * severity) * float(np.exp(0.12 * noise[3]))
    along = (dx * cos + dy * sin) / half
    across = dy * cos - dx * sin - crease.bend * (1 - np.minimum(along**2, 2)) + wander
    width = (0.016 + 0.014 * severity) * min(1, 0.6 + 0.6 * crease.length)
    taper = step(1.05, 0.55, np.abs(along))
    return taper * np.exp(-((across / width) ** 2))
