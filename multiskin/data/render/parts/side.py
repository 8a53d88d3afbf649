"""A side of the face: cheek, ear and hair to the right, eye and mouth at the left edge, jaw and neck below."""

import numpy as np

from multiskin.data.render.geometry import bump, radius, step
from multiskin.data.render.ground import Ground
from multiskin.data.render.materials import add_brow, add_cloth, add_eye, add_hair, add_neck, add_wall
from multiskin.data.render.person import Person
from multiskin.data.render.skin import bare_skin
from multiskin.data.render.tones import HAEMOGLOBIN

EAR = (0.74, -0.12)


def side(x: np.ndarray, y: np.ndarray, person: Person, rng: np.random.Generator) -> Ground:
    jaw = 0.80 - 0.42 * (x + 0.55) ** 2 * (x > -0.55)  # lower edge, from the chin up to the ear
    regions = {
        "shine": bump(x, y, (-0.35, -0.25), (0.45, 0.35)),
        "flush": bump(x, y, (-0.3, 0.05), (0.45, 0.35)),
        "sun": 0.15 + 0.85 * bump(x, y, (-0.2, -0.2), (0.6, 0.4)),
    }
    ground = bare_skin("side", x, y, form(x, y, jaw), regions, person, rng)
    inner = radius(x, y, EAR, (0.10, 0.20), 0.15)
    ground.stain(0.35 * step(1.9, 1.2, inner), HAEMOGLOBIN)
    add_eye(ground, -x, (0.78, -0.58), person.iris)
    add_brow(ground, -x - 0.28 + 2 * np.maximum(-x - 0.95, 0), -0.90, person.hair, rng)
    add_neck(ground, y - jaw)
    beyond = step(-0.01, 0.02, y - jaw)
    past_neck, past_face = step(0.02, -0.02, x + 0.30 - 0.25 * (y - 0.8)), step(0.01, -0.02, x - profile(y))
    add_wall(ground, beyond * past_neck + (1 - beyond) * past_face, person.wall, rng)
    add_cloth(ground, step(0.0, 0.03, y - 1.02 + 0.12 * x), person.cloth, rng)
    ground.skin *= step(1.2, 1.6, radius(x, y, EAR, (0.14, 0.25), 0.15))
    ear = step(1.02, 0.95, radius(x, y, EAR, (0.17, 0.29), 0.15))
    behind = np.maximum(x - 0.72 + 0.10 * np.minimum(y, 0), -0.93 - person.hairline - y + 0.35 * np.maximum(x, 0))
    sideburn = 0.07 - np.abs(x - 0.50) - np.maximum(y + 0.25, 0) * 0.4
    edge = np.maximum(behind, sideburn) - 0.5 * ear
    add_hair(ground, edge - 0.4 * step(0.35, 0.9, y), y + 0.3 * x, x - 0.25 * y, person.hair, rng)
    return ground


def profile(y: np.ndarray) -> np.ndarray:
    """Where the face ends to the left, at each height: brow, nose, lips, chin."""
    nose = 0.34 * np.exp(-(((y - 0.02) / 0.22) ** 2))
    mouth = 0.07 * np.exp(-(((y - 0.42) / 0.13) ** 2)) + 0.05 * np.exp(-(((y - 0.72) / 0.1) ** 2))
    return -1.02 - nose - mouth + 0.06 * np.exp(-(((y + 0.5) / 0.15) ** 2)) + 0.25 * np.maximum(y - 0.7, 0)


def form(x: np.ndarray, y: np.ndarray, jaw: np.ndarray) -> np.ndarray:
    """Height of the head seen half from the side."""
    face = 0.95 * np.sqrt(np.clip(1 - ((x + 0.1) / 1.45) ** 2 - ((y + 0.15) / 1.9) ** 2, 0.02, 1))
    face += 0.12 * bump(x, y, (-0.35, -0.25), (0.42, 0.26)) - 0.12 * bump(x, y, (-0.8, -0.58), (0.3, 0.2))
    face += 0.07 * bump(x, y, (-0.78, -0.58), (0.2, 0.15)) - 0.05 * bump(x, y, (-0.1, 0.3), (0.3, 0.25))
    face -= 0.15 + 0.15 * np.tanh((y - jaw + 0.04) / 0.18)
    r = radius(x, y, EAR, (0.17, 0.29), 0.15)
    face += 0.16 * np.exp(-(((r - 0.82) / 0.16) ** 2)) + 0.10 * step(1.05, 0.9, r)
    face -= 0.10 * bump(x, y, (EAR[0] - 0.02, EAR[1] + 0.03), (0.06, 0.11))
    face += 0.05 * bump(x, y, (EAR[0] - 0.13, EAR[1] + 0.06), (0.035, 0.06))
    return face.astype(np.float32)
