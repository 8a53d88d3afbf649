"""Sensitivity: patchy redness, blood close under the skin in blotches and in fine widened vessels."""

import cv2
import numpy as np

from multiskin.data.render.geometry import step
from multiskin.data.render.ground import Ground
from multiskin.data.render.noise import fractal, ridged, smooth, warped
from multiskin.data.render.tones import HAEMOGLOBIN

DEEPEST = 1.0  # density of haemoglobin in the reddest blotch
SCATTER = 0.025  # the skin above blurs what lies under it, units of x


def draw(ground: Ground, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Reddens blotches; the mask is how red each place has become."""
    field = warped(rng, fractal(rng, ground.shape, 8), cells=14, reach=0.02)
    grain = 1 + 0.25 * smooth(rng, ground.shape, 45)
    vessels = np.maximum(ridged(rng, ground.shape, 9), ridged(rng, ground.shape, 14))
    edge = 1.9 - 2.2 * severity
    deep = cv2.GaussianBlur(step(edge - 0.5, edge + 0.7, field), (0, 0), ground.unit * SCATTER)
    begun = float(step(0, 0.12, severity))
    redness = ground.skin * begun * (0.35 + 0.65 * severity) * deep * grain * (0.7 + 0.7 * vessels)
    ground.stain(DEEPEST * redness, HAEMOGLOBIN)
    return np.clip(redness, 0, 1)
