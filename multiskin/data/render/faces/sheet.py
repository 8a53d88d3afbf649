"""A photographed face prepared for cutting: its linear light, and which of its pixels are skin, lips and form."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from multiskin.data.images import read_image
from multiskin.data.render.faces.folder import Face
from multiskin.data.render.faces.landmarks import (
    ANCHORS,
    BROWS,
    CHEEKS,
    EYES,
    HAIRLESS,
    LIPS,
    MOUTH,
    NOSTRILS,
    OUTLINE,
    TEMPLATE,
)
from multiskin.data.render.faces.warp import Similarity, Spline, fit_similarity, fit_spline
from multiskin.data.render.geometry import step

HEAD = np.array([[-3.6, -3.9], [3.6, 5.2]])  # the corners of what is ever cut, in the face's own units
FINEST = 96  # pixels for a unit of the face: no part is drawn finer, so a larger photo is reduced to this
SPREAD = np.array([0.2, 0.07, 0.09], np.float32)  # of skin's log brightness, red over green and blue over green
HAIR = 4.0, 2.5  # such spreads from the cheeks' median: hair for certain, skin for certain
GLEAM = 0.7  # log of how much brighter than the median even lit skin may be
POWDER = 0.65  # how much of the logarithm of what is brighter still is taken away
CACHED = 4  # faces: a person's photos are drawn one after another


@dataclass(frozen=True)
class Sheet:
    """One face, at the photo's resolution or a lower one.

    Attributes:
        landmarks: (189, 2) in pixels of the sheet.
        upright: maps pixels approximately to an average face.
        spline: maps the result of `upright` to an average face.
        light: (h, w, 3) linear light.
        masks: (h, w, 3), 0..1 each: skin that a condition may lie on, lips, and where the face's form holds.
    """

    landmarks: np.ndarray
    upright: Similarity
    spline: Spline
    light: np.ndarray
    masks: np.ndarray


@lru_cache(maxsize=CACHED)
def sheet_of(face: Face) -> Sheet:
    """Reads the photo and finds skin, lips and outline; callers share the arrays and must not write to them."""
    pixels, landmarks = _head(read_image(face.image), np.array(face.landmarks))
    upright = fit_similarity(landmarks[ANCHORS], TEMPLATE)
    spline = fit_spline(np.stack(upright(*landmarks[ANCHORS].T), axis=1), TEMPLATE)
    light = decode(pixels)
    masks = _masks(light, landmarks, 1 / abs(upright.factor))
    return Sheet(landmarks, upright, spline, powder(light, masks[..., 0] * (1 - masks[..., 1])), masks)


def _head(pixels: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The photo cropped to the head and reduced if it is finer than needed, with its landmarks."""
    place = fit_similarity(TEMPLATE, landmarks[ANCHORS])
    corners = np.stack(place(*np.array([(x, y) for x in HEAD[:, 0] for y in HEAD[:, 1]]).T), axis=1)
    left, top = np.maximum(corners.min(axis=0), 0).astype(int).tolist()
    right, bottom = np.ceil(corners.max(axis=0)).astype(int).tolist()
    head = pixels[top:bottom, left:right]
    share = min(1.0, FINEST / abs(place.factor))
    if share < 1:
        head = cv2.resize(head, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return head, (landmarks - [left, top] + 0.5) * share - 0.5


def decode(pixels: np.ndarray) -> np.ndarray:
    """8-bit sRGB to linear light, float32."""
    encoded = np.arange(256) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)[pixels]


def _masks(light: np.ndarray, landmarks: np.ndarray, unit: float) -> np.ndarray:
    def fill(*outlines: Sequence[int], soft: float) -> np.ndarray:
        mask = np.zeros(light.shape[:2], np.uint8)
        for outline in outlines:
            cv2.fillPoly(mask, [np.rint(landmarks[list(outline)] * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
        return cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), soft * unit)

    face = fill(OUTLINE, soft=0.04)
    bare = 1 - np.maximum.reduce(
        [fill(*EYES, soft=0.04), fill(*BROWS, soft=0.06), fill(*NOSTRILS, soft=0.03), fill(MOUTH, soft=0.02)]
    )
    lips = fill(LIPS, soft=0.03) * (1 - fill(MOUTH, soft=0.02))
    cheeks = fill(*CHEEKS, soft=0.02)
    bald = likeness(light, cheeks >= cheeks.max() / 2, unit)
    skin = face * bare * np.maximum.reduce([bald, lips, fill(HAIRLESS, soft=0.2)])
    return np.stack([skin, lips, fill(OUTLINE, soft=0.12)], axis=-1)


def powder(light: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Dulls the gleam that skin has in the photo, so that a greasy forehead does not stay greasy at every severity."""
    typical = np.median(light[skin > 0.5], axis=0) if (skin > 0.5).any() else light.mean(axis=(0, 1))
    brightness = light.mean(axis=-1, keepdims=True) / typical.mean()
    above = step(0.6, 1, skin)[..., None] * np.maximum(np.log(brightness + 1e-4) - GLEAM, 0)
    lamp = 1 - np.exp(-above)  # the share of the colour that is the lamp's
    return (light + lamp * (brightness * typical - light)) * np.exp(-POWDER * above)


def likeness(light: np.ndarray, cheeks: np.ndarray, unit: float) -> np.ndarray:
    """0..1, how much the colour of each pixel is that of the cheeks, shaded or gleaming: hair is not, (h, w)."""
    log = np.log(cv2.GaussianBlur(light, (0, 0), 0.03 * unit) + 0.004)
    tone = np.stack([log.mean(axis=-1), log[..., 0] - log[..., 1], log[..., 2] - log[..., 1]], axis=-1)
    typical = np.median(tone[cheeks], axis=0)
    spread = np.clip(np.median(np.abs(tone[cheeks] - typical), axis=0), SPREAD / 4, SPREAD) + SPREAD
    away = (tone - typical) / spread
    brighter = np.maximum(away[..., 0], 0)  # a gleam has the colour of the lamp
    away[..., 0] = np.minimum(away[..., 0], 0)
    distance = np.linalg.norm(away, axis=-1) / (1 + 0.5 * brighter)
    return cv2.GaussianBlur(step(*HAIR, distance), (0, 0), 0.03 * unit)
