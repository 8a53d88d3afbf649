"""The skin tone of a photographed face, by the individual typology angle of its cheeks."""

from bisect import bisect

import cv2
import numpy as np

from multiskin.data.render.faces.landmarks import CHEEKS
from multiskin.data.render.tones import typology_angle

BORDERS = (-55, -41, -28, -10, 30)  # minus the typology angle, in degrees, between the classes of `tones.TONES`


def tone_of(pixels: np.ndarray, landmarks: np.ndarray) -> int:
    """The tone 0..5 of skin in a photo (h, w, 3) uint8, as exposed: its own white is what the photographer made it."""
    cheeks = np.zeros(pixels.shape[:2], np.uint8)
    for cheek in CHEEKS:
        cv2.fillPoly(cheeks, [np.rint(landmarks[list(cheek)]).astype(np.int32)], 1)
    skin = pixels[cheeks > 0].astype(np.float32) / 255
    lightness, _, b = np.median(cv2.cvtColor(skin[None], cv2.COLOR_RGB2Lab)[0], axis=0).tolist()
    return bisect(BORDERS, -typology_angle(lightness, b))
