"""The forehead: hairline above, brows below, temples to the sides."""

import numpy as np

from multiskin.data.render.geometry import bump
from multiskin.data.render.ground import Ground
from multiskin.data.render.materials import add_brow, add_hair
from multiskin.data.render.person import Person
from multiskin.data.render.skin import bare_skin


def forehead(x: np.ndarray, y: np.ndarray, person: Person, rng: np.random.Generator) -> Ground:
    out = np.abs(x)  # the left half of the face is the right half mirrored
    form = 1.05 * np.sqrt(np.clip(1 - (x / 1.5) ** 2 - ((y - 0.15) / 1.9) ** 2, 0.02, 1))
    form += 0.09 * bump(out, y, (0.5, 0.72), (0.45, 0.16)) - 0.14 * bump(out, y, (0.55, 1.08), (0.34, 0.2))
    form += 0.05 * bump(x, y, (0, 1.0), (0.2, 0.3)) + 0.03 * bump(out, y, (0.35, 0.05), (0.4, 0.4))
    regions = {
        "shine": np.clip(bump(x, y, (0, 0.1), (0.75, 0.5)) * 1.3, 0, 1),
        "flush": 0.5 * bump(x, y, (0, 0.6), (0.4, 0.3)) + 0.3 * bump(out, y, (0.5, -0.1), (0.4, 0.3)),
        "sun": 0.35 + 0.65 * bump(out, y, (0.6, 0.1), (0.5, 0.5)),
    }
    ground = bare_skin("forehead", x, y, form.astype(np.float32), regions, person, rng)
    add_brow(ground, out, 0.80, person.hair, rng)
    hairline = -0.68 - person.hairline + 0.20 * x**2
    add_hair(ground, np.maximum(hairline - y, out - 1.10), y * 0.7 + 0.25 * x, x + 0.35 * y * x, person.hair, rng)
    return ground
