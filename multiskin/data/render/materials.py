"""What a face has that is not bare skin: hair, brows, eyes, lips, cloth, and the wall behind."""

import cv2
import numpy as np

from multiskin.data.render.geometry import bump, radius, step
from multiskin.data.render.ground import Ground
from multiskin.data.render.noise import fractal, smooth, strands
from multiskin.data.render.tones import HAEMOGLOBIN, MELANIN

SCLERA = np.array([0.42, 0.37, 0.34], dtype=np.float32)
LASH = np.array([0.012, 0.009, 0.008], dtype=np.float32)


def add_hair(
    ground: Ground,
    edge: np.ndarray,
    along: np.ndarray,
    across: np.ndarray,
    colour: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Hair where edge > 0, thinning out to single strands where it is near 0."""
    bent = across + 0.02 * smooth(rng, ground.shape, 9)
    fine, coarse = strands(rng, along, bent, 80), strands(rng, along, bent, 22)
    uneven = smooth(rng, ground.shape, 11)
    alpha = step(-0.05, 0.13, edge + 0.03 * fine + 0.02 * uneven)
    light = np.exp(0.30 * fine + 0.30 * coarse)
    ground.paint(alpha, colour * light[..., None])
    ground.relief += 0.012 * alpha * (fine + coarse)
    ground.sheen += alpha * (0.6 - ground.sheen)


def add_brow(ground: Ground, side: np.ndarray, arch: float, colour: np.ndarray, rng: np.random.Generator) -> None:
    """One brow on either side, arch being the height of its middle; `side` is |x|."""
    t = (side - 0.18) / 0.72  # 0 at the inner end, 1 at the outer
    middle = arch - 0.10 * np.sin(np.pi * np.clip(t, 0, 1) ** 1.3) + 0.06 * t
    thickness = 0.075 * step(-0.06, 0.15, t) * step(1.08, 0.5, t)
    offset = ground.y - middle
    hairs = strands(rng, offset * 1.5 + t, t * 0.8 + offset * 0.9, 40)
    density = np.exp(-((offset / (thickness + 1e-3)) ** 2)) * (thickness > 0.004)
    alpha = np.clip(density * (1.05 + 0.35 * hairs), 0, 1) * 0.88
    ground.paint(alpha, colour * 0.8)
    ground.relief += 0.006 * alpha * hairs


def add_eye(ground: Ground, side: np.ndarray, centre: tuple[float, float], iris: np.ndarray) -> None:
    """An open eye on either side: `side` is |x|, from which a left eye follows a right one."""
    dx, dy = np.clip((side - centre[0]) / 0.27, -1, 1), ground.y - centre[1]
    upper, lower = -0.10 * (1 - dx**2) ** 0.8, 0.07 * (1 - dx**2)
    inside = step(-0.012, 0.012, np.minimum(dy - upper, lower - dy)) * (np.abs(dx) < 0.999)
    from_pupil = radius(side, ground.y, (centre[0] - 0.01, centre[1] - 0.03), (0.105, 0.105))
    ground.paint(inside, eyeball(from_pupil, np.abs(dx), iris))
    glint = bump(side, ground.y, (centre[0] - 0.04, centre[1] - 0.06), (0.018, 0.018)) * inside
    ground.albedo += 0.9 * glint[..., None]
    lash = np.exp(-(((dy - upper) / 0.022) ** 2)) * step(0.999, 0.9, np.abs(dx))
    lash += 0.35 * np.exp(-(((dy - lower) / 0.012) ** 2)) * step(0.999, 0.8, np.abs(dx))
    ground.paint(np.clip(lash, 0, 0.95), LASH)
    fold = np.exp(-(((dy - upper * 1.25 + 0.06) / 0.022) ** 2)) * step(0.999, 0.7, np.abs(dx))
    ground.relief -= 0.018 * fold
    ground.stain(0.22 * fold, MELANIN)


def eyeball(from_pupil: np.ndarray, from_middle: np.ndarray, iris: np.ndarray) -> np.ndarray:
    """Colours of the white, shaded towards the corners, the iris with its dark rim, and the pupil, (h, w, 3)."""
    white = SCLERA * (1 - 0.45 * step(0.35, 1.0, from_middle)[..., None])
    stroma = iris * (0.6 + 0.7 * from_pupil[..., None] ** 2)
    ball = white + step(1.05, 0.95, from_pupil)[..., None] * (stroma - white)
    pupil, rim = step(0.5, 0.4, from_pupil), step(0.85, 1.0, from_pupil) * step(1.1, 1.0, from_pupil)
    return ball * (1 - 0.97 * pupil - 0.6 * rim)[..., None]


def add_lips(ground: Ground, lips: np.ndarray, parting: np.ndarray, rng: np.random.Generator) -> None:
    """Lips where `lips` is 1: thin skin, full of blood, with upright furrows; `parting` is 1 between them."""
    furrows = strands(rng, ground.y * 0.4, ground.x, 26)
    ground.stain(lips * (rng.uniform(0.35, 0.75) + 0.05 * furrows), HAEMOGLOBIN)
    ground.stain(lips * rng.uniform(-0.05, 0.2), MELANIN)
    ground.relief += 0.006 * lips * furrows
    ground.sheen += 0.5 * lips
    ground.paint(0.9 * parting, np.array([0.035, 0.012, 0.011], dtype=np.float32))


def add_cloth(ground: Ground, alpha: np.ndarray, colour: np.ndarray, rng: np.random.Generator) -> None:
    """Woven cloth with a few folds."""
    folds, weave = smooth(rng, ground.shape, 4), smooth(rng, ground.shape, 90)
    ground.paint(alpha, colour * np.exp(0.18 * folds + 0.08 * weave)[..., None])
    ground.relief += alpha * (0.05 * folds - ground.relief)
    ground.sheen *= 1 - alpha


def add_neck(ground: Ground, below: np.ndarray) -> None:
    """The neck under the jaw, in its shade and hardly seen; `below` is the distance from the jaw's edge."""
    neck = step(-0.015, 0.02, below)
    shade = neck * (0.35 + 0.75 * np.exp(-np.maximum(below, 0) / 0.16))
    ground.stain(shade, np.array([0.9, 1.0, 1.05], dtype=np.float32))
    ground.sheen *= 1 - 0.8 * neck
    ground.skin *= 1 - 0.9 * neck


def add_wall(ground: Ground, alpha: np.ndarray, colour: np.ndarray, rng: np.random.Generator) -> None:
    """What is behind the person, out of focus; the face's form and the conditions end where it begins."""
    blurred = cv2.GaussianBlur(fractal(rng, ground.shape, 3, octaves=2), (0, 0), ground.shape[1] / 30)
    ground.paint(alpha, colour * np.exp(0.25 * blurred)[..., None])
    ground.solid *= 1 - alpha
    ground.sheen *= 1 - alpha
