"""Detects skin in a photo: by the shape of a face and the colour of its cheeks, or in a close-up by colour alone.

Colours are CIELAB (D65). The colour of skin is measured in each photo, so skin tone and lighting need not be known.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from multiskin.faces.alignment import align, restore, similarity, transformed
from multiskin.faces.anatomy import BARE_SKIN, BROWS, EYES, HALF_HEIGHT, LANDMARKS, LIPS, NOSTRILS, OUTLINE
from multiskin.faces.detection import DetectedFace

SIDE = 384  # pixels of the side of the picture that masks are computed on
MARGIN = 0.15  # around the face, for faces wider than the average
UNIT = SIDE / (2 * HALF_HEIGHT * (1 + MARGIN))  # pixels per unit of `anatomy`
LARGEST_MARK = (0.5 * UNIT) ** 2  # square pixels: a larger patch of another colour is not a mark on the skin
RIM = round(0.06 * UNIT)  # pixels: a margin around eyes and brows, whose shapes vary
EDGE_BLUR = 1.0  # pixels: standard deviation of the blur of edges

# Minimum deviations of skin, of lightness as a share of its median: cheeks vary less than a face with light and shade.
MIN_LIGHTNESS_DEVIATION, MIN_CHROMA_DEVIATION = 0.17, 4.0
BRIGHT_WEIGHT = 0.5  # weight of deviations towards brighter, since skin shines
SKIN_DISTANCES = 4.0, 5.0  # distances in deviations: up to the first a pixel is skin, from the second it is not
ROUNDS, OUTLIER = 3, 2.5  # of measuring, and the distance in deviations beyond which the next round ignores a pixel
MIN_LIP_LIGHTNESS = 0.45  # of the lightness of skin: anything darker is the gap between the lips

# Limits for skin of any tone in any light: it is never black, green, blue or grey, nor more colourful than blood.
MIN_LIGHTNESS, MIN_A, MIN_B, MIN_CHROMA, MAX_CHROMA = 4, 0, -12, 3, 60
MIN_CHROMA_IN_DARK = 0.25  # of the lightness: colours fade in the dark, so the limit is lower than MIN_CHROMA there
NOISE_BLUR = 3.0  # pixels: standard deviation of a blur that removes colour noise
MIN_SKIN = 0.05  # share of a close-up, or of the square around a face: less skin counts as none


class Colours(NamedTuple):
    """The colours of skin: the median and the deviation of L, a and b, (3,) each."""

    median: np.ndarray
    deviation: np.ndarray


def skin_mask(photo: np.ndarray, face: DetectedFace | None, lips: bool = False) -> np.ndarray:
    """The skin of one face or of a close-up: (h, w) float32, from 0 (not skin) to 1 (skin).

    Eyes, brows, nostrils, open mouths and anything without the colour of skin, such as hair, are left out, and so are
    the neck and ears of a face; marks on skin count as skin. The mask is 0 everywhere if no skin is found, which does
    not prove that there is none: a close-up may be black and white.

    Args:
        photo: (h, w, 3) uint8 RGB.
        face: the face whose skin to find; None treats the photo as a close-up.
        lips: whether the lips of a face count as skin.
    """
    if face is None:
        return _close_up(photo)
    crop, transform = align(photo, face, SIDE, MARGIN)
    landmarks = transformed(np.array(face.landmarks), transform)
    skin = _face_skin(_lab(crop), landmarks, lips)
    return restore(skin * (skin.mean() >= MIN_SKIN), transform, photo.shape[:2])


def _face_skin(lab: np.ndarray, landmarks: np.ndarray, lips: bool) -> np.ndarray:
    """The mask of an aligned crop, (SIDE, SIDE)."""
    colours = measure_colours(lab[_filled(BARE_SKIN, LANDMARKS, landmarks) > 0])
    skin = likeness(lab, colours) * _filled((OUTLINE,), LANDMARKS, landmarks)
    skin = _fill_holes(skin, LARGEST_MARK)
    eyes = _filled((*EYES, *BROWS), LANDMARKS[:2], landmarks[:2])
    mouth = _filled((LIPS,), LANDMARKS[3:], landmarks[3:])
    skin[cv2.dilate(eyes, np.ones((2 * RIM + 1, 2 * RIM + 1))) + _filled(NOSTRILS, LANDMARKS, landmarks) > 0] = 0
    skin[mouth > 0] = _lips(lab, colours)[mouth > 0] if lips else 0
    return cv2.GaussianBlur(skin, (0, 0), EDGE_BLUR)


def _close_up(photo: np.ndarray) -> np.ndarray:
    scale = min(1.0, SIDE / max(photo.shape[:2]))
    width, height = (max(round(scale * side), 1) for side in photo.shape[1::-1])
    small = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    lab, possible = _lab(small), _possible(_lab(cv2.GaussianBlur(small, (0, 0), NOISE_BLUR)))
    if possible.mean() < MIN_SKIN:
        return np.zeros(photo.shape[:2], np.float32)
    skin = _fill_holes(likeness(lab, measure_colours(lab[possible])), np.inf)
    return cv2.resize(cv2.GaussianBlur(skin, (0, 0), EDGE_BLUR), photo.shape[1::-1])


def _lab(photo: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 RGB to float32 L 0..100, a and b."""
    return cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)


def measure_colours(lab: np.ndarray) -> Colours:
    """The colours of pixels (N, 3) that are mostly skin, robust to hair, shine and shade."""
    for _ in range(ROUNDS):
        median = np.median(lab, axis=0)
        lightness = max(median[0], MIN_LIGHTNESS)  # not 0, which would leave black without any deviation
        minimum = [MIN_LIGHTNESS_DEVIATION * lightness, MIN_CHROMA_DEVIATION, MIN_CHROMA_DEVIATION]
        deviation = np.maximum(1.4826 * np.median(np.abs(lab - median), axis=0), minimum)  # std if normal
        near = (np.abs(lab - median) <= OUTLIER * deviation).all(axis=1)
        if not near.any():  # several unlike colours, none of which has the median in all channels
            break
        lab = lab[near]
    return Colours(median, deviation)


def likeness(lab: np.ndarray, colours: Colours) -> np.ndarray:
    """How well each pixel (h, w, 3) matches these colours: (h, w) float32, 0..1."""
    distance = (lab - colours.median) / colours.deviation
    distance[..., 0] *= np.where(distance[..., 0] > 0, BRIGHT_WEIGHT, 1)
    near, far = SKIN_DISTANCES
    return np.clip((far - np.linalg.norm(distance, axis=-1)) / (far - near), 0, 1).astype(np.float32)


def _lips(lab: np.ndarray, colours: Colours) -> np.ndarray:
    """Pixels as light as lips and, unlike teeth, as red as skin: (h, w) float32, 0 or 1."""
    red = lab[..., 1] > colours.median[1] - colours.deviation[1]
    return (red & (lab[..., 0] > MIN_LIP_LIGHTNESS * colours.median[0])).astype(np.float32)


def _possible(lab: np.ndarray) -> np.ndarray:
    """Which pixels could be skin of any tone in any light: (h, w) bool."""
    lightness, a, b = np.moveaxis(lab, -1, 0)
    chroma, min_chroma = np.hypot(a, b), np.minimum(MIN_CHROMA, MIN_CHROMA_IN_DARK * lightness)
    return (lightness > MIN_LIGHTNESS) & (a > MIN_A) & (b > MIN_B) & (chroma > min_chroma) & (chroma < MAX_CHROMA)


def _filled(outlines: Sequence[np.ndarray], anchors: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The insides of outlines, after the transform from anchors to landmarks: (SIDE, SIDE) float32, 0 or 1."""
    mask, transform = np.zeros((SIDE, SIDE), np.float32), similarity(anchors, landmarks)
    for outline in outlines:
        cv2.fillPoly(mask, [np.rint(transformed(outline, transform)).astype(np.int32)], 1.0)
    return mask


def _fill_holes(skin: np.ndarray, largest: float) -> np.ndarray:
    """Fills patches of other colours that are surrounded by skin and have fewer pixels than `largest`."""
    height, width = skin.shape
    _, labels, patches, _ = cv2.connectedComponentsWithStats((skin < 1).astype(np.uint8), connectivity=4)
    left, top, across, down, pixels = patches.T
    inside = (left > 0) & (top > 0) & (left + across < width) & (top + down < height) & (pixels < largest)
    return np.where(inside[labels], np.float32(1), skin)
