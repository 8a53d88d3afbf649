"""The middle of the face: nose, inner cheeks, eyes at the upper edge, upper lip at the lower."""

import numpy as np

from multiskin.data.render.geometry import bump, step
from multiskin.data.render.ground import Ground
from multiskin.data.render.materials import add_brow, add_eye, add_lips
from multiskin.data.render.noise import smooth
from multiskin.data.render.person import Person
from multiskin.data.render.skin import bare_skin
from multiskin.data.render.tones import HAEMOGLOBIN, MELANIN

EYE = (0.62, -0.60)


def centre(x: np.ndarray, y: np.ndarray, person: Person, rng: np.random.Generator) -> Ground:
    out = np.abs(x)  # the left half of the face is the right half mirrored
    nose_length, nose_width = rng.uniform(-0.05, 0.05), rng.uniform(0.92, 1.15)
    lip_edge = 0.92 - 0.04 * bump(out, y, (0.1, 0.92), (0.08, 1)) + 0.5 * x**2 + 0.01 * smooth(rng, x.shape, 5)
    lips = step(0.0, 0.03, y - lip_edge)
    regions = {
        "shine": np.clip(bump(x, y, (0, 0.0), (0.24, 0.6)) + 0.9 * bump(out, y, (0.55, 0.0), (0.3, 0.25)), 0, 1),
        "flush": bump(out, y, (0.62, 0.12), (0.35, 0.3)) + 0.8 * bump(x, y, (0, 0.28), (0.22, 0.2)),
        "sun": 0.15 + np.clip(bump(out, y, (0.6, -0.05), (0.4, 0.3)) + 0.7 * bump(x, y, (0, 0), (0.2, 0.4)), 0, 0.85),
        "lips": lips,
    }
    ground = bare_skin("centre", x, y, form(x / nose_width, y - nose_length, out), regions, person, rng)
    nostril = bump(out / nose_width, y - nose_length, (0.105, 0.47), (0.055, 0.026), 0.3)
    ground.paint(np.clip(1.6 * nostril, 0, 1) * 0.92, np.array([0.02, 0.008, 0.006], dtype=np.float32))
    ground.stain(0.28 * bump(out, y, (0.58, -0.38), (0.28, 0.10)), MELANIN * 0.6 + HAEMOGLOBIN * 0.4)
    add_eye(ground, out, EYE, person.iris)
    add_brow(ground, out, -0.93, person.hair, rng)
    add_lips(ground, lips, np.zeros_like(x), rng)
    return ground


def form(x: np.ndarray, y: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Height of the face around the nose."""
    face = 0.95 * np.sqrt(np.clip(1 - (x / 1.5) ** 2 - ((y - 0.1) / 2.3) ** 2, 0.02, 1))
    face += 0.10 * bump(out, y, (0.72, -0.02), (0.4, 0.3)) - 0.20 * bump(out, y, (0.58, -0.6), (0.34, 0.2))
    face += 0.10 * bump(out, y, (0.62, -0.6), (0.22, 0.15)) + 0.07 * bump(out, y, (0.55, -1.0), (0.5, 0.16))
    rise = step(-0.95, 0.3, y) * step(0.58, 0.28, y + 0.9 * out**2)
    width = 0.13 + 0.07 * step(-0.6, 0.3, y)
    face += 0.36 * rise * np.exp(-((x / width) ** 2)) + 0.10 * step(-0.3, -0.9, y) * np.exp(-((x / 0.16) ** 2))
    face += 0.15 * bump(x, y, (0, 0.31), (0.16, 0.15)) + 0.20 * bump(out, y, (0.20, 0.36), (0.10, 0.12))
    fold = out - (0.27 + 0.42 * (y - 0.38))
    face += 0.05 * (np.tanh(fold / 0.10) - 1) * step(0.1, 0.7, y) * step(-0.25, 0.15, fold + 0.2)
    face += 0.06 * bump(x, y, (0, 0.95), (0.4, 0.25)) - 0.03 * bump(x, y, (0, 0.72), (0.05, 0.16))
    return face.astype(np.float32)
