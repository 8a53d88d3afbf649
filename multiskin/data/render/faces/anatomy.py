"""An average face in its own units: its form, and where its skin shines, flushes, tans and dries."""

import numpy as np

from multiskin.data.render.geometry import bump, step


def pair(x: np.ndarray, y: np.ndarray, centre: tuple[float, float], axes: tuple[float, float]) -> np.ndarray:
    """A hill on either side of the face; their sum, unlike a hill of |x|, has no edge in the middle."""
    return bump(x, y, centre, axes) + bump(-x, y, centre, axes)


def form(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Height of the face, from hairline to jaw, in units of x."""
    face = 1.6 * np.sqrt(np.clip(1 - (x / 2.45) ** 2 - ((y - 0.45) / 3.7) ** 2, 0.02, 1))
    face += 0.15 * pair(x, y, (1.2, 0.75), (0.6, 0.42)) - 0.28 * pair(x, y, (0.9, 0.05), (0.5, 0.3))
    face += 0.15 * pair(x, y, (0.98, 0.02), (0.36, 0.22)) + 0.12 * pair(x, y, (0.85, -0.55), (0.7, 0.24))
    return face + nose(x, y) + mouth(x, y)


def nose(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The nose and the folds that run from it past the mouth."""
    rise = step(-0.4, 1.1, y) * step(1.5, 1.15, y + 0.4 * x**2)
    height = 0.55 * rise * np.exp(-((x / (0.28 + 0.12 * step(0, 1.1, y))) ** 2))
    height += 0.06 * bump(x, y, (0, -0.25), (0.4, 0.6))
    height += 0.22 * bump(x, y, (0, 1.1), (0.28, 0.24)) + 0.24 * pair(x, y, (0.40, 1.2), (0.19, 0.17))
    fold = np.abs(x) - (0.75 + 0.55 * (y - 1.4))
    end = step(0.9, 1.5, y) * step(2.5, 2.0, y)
    return height + 0.05 * (np.tanh(fold / 0.16) - 1) * end * step(-0.4, 0.2, fold)


def mouth(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Lips and chin."""
    across = np.exp(-((x / 0.62) ** 4))
    height = 0.16 * bump(x, y, (0, 2.15), (0.85, 0.55)) - 0.02 * bump(x, y, (0, 1.68), (0.12, 0.25))
    height += across * (0.09 * np.exp(-(((y - 2.03) / 0.11) ** 2)) + 0.13 * np.exp(-(((y - 2.31) / 0.14) ** 2)))
    height -= 0.05 * across * np.exp(-(((y - 2.15) / 0.04) ** 2))
    return height + 0.14 * bump(x, y, (0, 3.1), (0.6, 0.4)) - 0.10 * bump(x, y, (0, 2.68), (0.6, 0.18))


def regions(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Where skin is greasy, red, tanned and dry, 0..1 each, by their names in a ground's regions."""
    shine = 1.3 * bump(x, y, (0, -1.4), (1.2, 0.65)) + bump(x, y, (0, 0.75), (0.4, 0.75))
    shine += 0.9 * pair(x, y, (1.05, 0.75), (0.5, 0.36)) + bump(x, y, (0, 3.1), (0.55, 0.38))
    flush = pair(x, y, (1.15, 0.95), (0.6, 0.42)) + 0.8 * bump(x, y, (0, 1.1), (0.36, 0.25))
    flush += 0.5 * bump(x, y, (0, -0.85), (0.6, 0.36)) + 0.7 * bump(x, y, (0, 3.1), (0.58, 0.31))
    sun = pair(x, y, (1.15, 0.7), (0.65, 0.42)) + 0.7 * bump(x, y, (0, 0.75), (0.32, 0.5))
    sun += 0.8 * pair(x, y, (0.94, -1.4), (0.8, 0.6)) + 0.4 * bump(x, y, (0, 1.67), (0.85, 0.25))
    dry = 1.4 * bump(x, y, (0, 2.42), (1.25, 0.95)) + step(1.9, 0.9, y)
    shares = {"shine": shine, "flush": flush, "sun": 0.2 + 0.8 * np.clip(sun, 0, 1), "dry": dry}
    return {name: np.clip(share, 0, 1).astype(np.float32) for name, share in shares.items()}
