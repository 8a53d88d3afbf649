"""Photo quality checks: attributes that a photo is too poor to show are not graded, rather than graded wrongly.

Quality is measured on what the network sees of a photo: only the face if the model crops. The limits are where scores
break down when photos drawn on real faces (112 pixels, five attributes) are darkened, brightened, blurred and shrunk;
photos of all skin tones in good light are well within them.
"""

from typing import NamedTuple

import cv2
import numpy as np

from multiskin.faces.skin import skin_mask
from multiskin.faces.step import Framing
from multiskin.schema import Attribute

SIDE = 128  # pixels: the longer side of the copy on which colours are measured

# With a quarter of the light, correlations with the true grades hardly fall; with an eighth, the lowest falls from 0.7
# to 0.3. The brightest hundredth of the skin is shine, which is equally bright on all tones: at least 52 in good light,
# and in a quarter of it at least 30 on 99 of 100 photos. A mean would mistake dark skin for a dark photo.
DARKEST = 30.0
# With three times the light, shine can no longer be told from light; then redness is lost, since red saturates first.
BRIGHTEST = 0.6
CLIPPED = 250  # of 255
# Fine attributes are lost one by one when a photo is blurred by 1 to 1.5 pixels of the network's input, which lowers
# sharpness to 0.24 and 0.18; unblurred photos have at least 0.32.
BLURRED = 0.25
FINE, COARSE = 1.0, 4.0  # pixels: standard deviations of the blurs; sharpness is relative to the detail between them
# Fine attributes tolerate 0.7 photo pixels per input pixel but not 0.5; redness is still seen with 0.35.
SMALL, TINY = 0.7, 0.35
# Photos of whole heads have at least 0.18, close-ups 0.74; grey, green and blue scenes have none. This only checks
# colour: a warm brown wall passes as skin.
LEAST_SKIN = 0.1


class Quality(NamedTuple):
    """The measured quality of a photo.

    Attributes:
        lightness: the 99th percentile of CIELAB's L over the skin, 0..100.
        clipped: the share of skin where a channel is saturated, 0..1.
        sharpness: detail of the size of the network's pixels, relative to detail a few times that size.
        resolution: pixels of the photo per pixel of the network's input, along a side.
        skin: the share of pixels that may be skin by their colour, 0..1.
    """

    lightness: float
    clipped: float
    sharpness: float
    resolution: float
    skin: float

    def faults(self) -> tuple[str, ...]:
        """Why nothing can be graded, as code words."""
        found = {
            "dark": self.lightness < DARKEST,
            "bright": self.clipped > BRIGHTEST,
            "tiny": self.resolution < TINY,
            "no_skin": self.skin < LEAST_SKIN,
        }
        return tuple(code for code, true in found.items() if true)

    def fine_faults(self) -> tuple[str, ...]:
        """Why attributes that show in fine detail cannot be graded, as code words."""
        found = {"blurred": self.sharpness < BLURRED, "small": TINY <= self.resolution < SMALL}
        return tuple(code for code, true in found.items() if true)

    def notes(self) -> tuple[str, ...]:
        """All problems of the photo, as code words, whichever attributes they affect."""
        return self.faults() + self.fine_faults()

    def why_not(self, attribute: Attribute) -> tuple[str, ...]:
        """Why an attribute cannot be graded, as code words; empty if it can."""
        return self.notes() if attribute.fine else self.faults()


def measure(photo: np.ndarray, framing: Framing, input_size: int) -> Quality:
    """Measures a photo (h, w, 3) uint8 as cropped by a framing and scaled to a network input of this size."""
    seen = framing(photo)
    small = _within(seen, SIDE)
    skin = skin_mask(small, None)
    share = float(skin.mean())
    measured = small[skin > 0.5] if share >= LEAST_SKIN else small.reshape(-1, 3)  # (N, 3)
    return Quality(
        lightness=float(np.percentile(_lightness(measured[None]), 99)),
        clipped=float((measured.max(axis=-1) >= CLIPPED).mean()),
        sharpness=sharpness(_within(seen, input_size)),
        resolution=_pixels_across(photo, framing) / input_size,
        skin=share,
    )


def sharpness(picture: np.ndarray) -> float:
    """How much detail of pixel size a picture (h, w, 3) uint8 has, relative to detail of a few pixels.

    Being relative, it does not depend on how much detail the scene has; 0 if there is none.
    """
    lightness = _lightness(picture)
    fine, coarse = (cv2.GaussianBlur(lightness, (0, 0), sigma) for sigma in (FINE, COARSE))
    largest = float((fine - coarse).std())
    return float((lightness - fine).std()) / largest if largest > 0 else 0.0


def _lightness(pixels: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 RGB to L (h, w), 0..100."""
    return cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[..., 0]


def _within(picture: np.ndarray, longest: int) -> np.ndarray:
    """Scales a picture down, if needed, so that its longer side has at most that many pixels."""
    scale = min(1.0, longest / max(picture.shape[:2]))
    width, height = (max(1, round(scale * side)) for side in picture.shape[1::-1])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _pixels_across(photo: np.ndarray, framing: Framing) -> float:
    """How many pixels of the photo the shorter side of its crop spans.

    The crop's position is found by cropping images of the photo's coordinates.
    """
    height, width = photo.shape[:2]
    y, x = np.indices((height, width), dtype=np.float32)
    places = framing(x) + 1j * framing(y)
    middle = places[places.shape[0] // 2], places[:, places.shape[1] // 2]  # a row and a column
    return float(min(np.abs(line[-1] - line[0]) for line in middle)) + 1
