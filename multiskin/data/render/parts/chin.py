"""The chin: lips above, jaw, neck and clothing below."""

import numpy as np

from multiskin.data.render.geometry import bump, step
from multiskin.data.render.ground import Ground
from multiskin.data.render.materials import add_cloth, add_lips, add_neck, add_wall
from multiskin.data.render.person import Person
from multiskin.data.render.skin import bare_skin

MOUTH = -0.42  # height of the parting of the lips


def chin(x: np.ndarray, y: np.ndarray, person: Person, rng: np.random.Generator) -> Ground:
    out = np.abs(x)  # the left half of the face is the right half mirrored
    jaw = 0.78 - 0.42 * out**2 - 0.25 * out**4  # lower edge of the jaw
    fullness, width = rng.uniform(0.85, 1.2), rng.uniform(0.50, 0.60)
    parting = MOUTH + 0.015 * np.cos(9 * x) + 0.05 * (out / width) ** 2
    taper = np.clip(1 - (out / width) ** 2, 0, 1)
    above = parting - 0.17 * fullness * taper**0.8 + 0.045 * bump(x, y, (0, MOUTH), (0.08, 9)) * taper
    below = parting + 0.23 * fullness * taper**0.7
    lips = step(-0.015, 0.02, np.minimum(y - above, below - y)) * (taper > 0)
    regions = {
        "shine": bump(x, y, (0, 0.35), (0.4, 0.3)),
        "flush": 0.7 * bump(x, y, (0, 0.38), (0.4, 0.25)) + 0.4 * bump(out, y, (0.8, -0.4), (0.3, 0.4)),
        "sun": 0.3 + 0.5 * bump(x, y, (0, -0.8), (0.6, 0.2)),
        "lips": lips,
        "dry": np.clip(bump(x, y, (0, -0.2), (0.85, 0.75)) * 1.4, 0, 1),
    }
    ground = bare_skin("chin", x, y, form(x, y, out, jaw, parting, fullness, width), regions, person, rng)
    add_lips(ground, lips, np.exp(-(((y - parting) / 0.014) ** 2)) * step(1.02, 0.9, out / width), rng)
    add_neck(ground, y - jaw)
    beyond = step(-0.01, 0.02, y - jaw)
    neck = 0.80 + 0.04 * np.sin(3 * y)
    past_neck, past_jaw = step(-0.015, 0.015, out - neck), step(0.98, 1.02, out + 0.35 * np.maximum(y - 0.1, 0))
    add_wall(ground, beyond * past_neck + (1 - beyond) * past_jaw, person.wall, rng)
    add_cloth(ground, step(0.0, 0.02, y - (0.97 - 0.14 * out**2)), person.cloth, rng)
    return ground


def form(
    x: np.ndarray, y: np.ndarray, out: np.ndarray, jaw: np.ndarray, parting: np.ndarray, fullness: float, width: float
) -> np.ndarray:
    """Height of the lower face; the neck lies well behind the jaw."""
    face = 0.95 * np.sqrt(np.clip(1 - (x / 1.25) ** 2 - ((y + 0.5) / 1.9) ** 2, 0.02, 1))
    face += 0.13 * bump(x, y, (0, 0.42), (0.3, 0.24)) - 0.09 * bump(x, y, (0, 0.02), (0.42, 0.12))
    face += 0.10 * bump(x, y, (0, MOUTH), (width, 0.4))
    across = np.exp(-((out / (0.75 * width)) ** 4))
    face += 0.075 * fullness * across * bump(0 * x, y - parting, (0, -0.075), (1, 0.075))
    face += 0.105 * fullness * across * bump(0 * x, y - parting, (0, 0.105), (1, 0.10))
    face -= 0.05 * across * np.exp(-(((y - parting) / 0.02) ** 2))
    face -= 0.03 * bump(x, y, (0, -0.85), (0.06, 0.2)) + 0.06 * bump(out, y, (width + 0.03, MOUTH + 0.05), (0.07, 0.08))
    under = 0.5 + 0.5 * np.tanh((y - jaw + 0.04) / 0.16)
    neck = 0.55 * np.sqrt(np.clip(1 - (x / 0.95) ** 2, 0.02, 1)) - 0.1
    return (face + under * (neck - face)).astype(np.float32)
