"""The gate before the network: what a photo is too poor for is not graded, rather than graded wrongly.

All is measured on what the network is shown of a photo, the face alone where it sees no more. Limits are where scores
come apart when drawn photos on real faces (112 pixels, five attributes) are darkened, lightened, blurred and shrunk;
photos of all skin tones in good light are well within them.
"""

from typing import NamedTuple

import cv2
import numpy as np

from multiskin.faces.skin import skin_mask
from multiskin.faces.step import Framing
from multiskin.schema import Attribute

SIDE = 128  # pixels: the longer side of the copy whose colours are measured

# With a quarter of the light correlations with the true grades hardly fall, with an eighth the lowest falls from 0.7 to
# 0.3. The brightest hundredth is shine, as light on all tones: 52 and more in good light, and in a quarter of it 30 and
# more on all but one of a hundred photos. A mean would take dark skin for a dark photo.
DARKEST = 30.0
# With three times the light shine is no longer told from light; then redness is lost, for red is the first to saturate.
BRIGHTEST = 0.6
CLIPPED = 250  # of 255
# Fine attributes are lost one by one when a photo is blurred by 1 to 1.5 pixels of the network's input. That brings
# sharpness to 0.24 and 0.18; photos as they are have 0.32 and more.
BLURRED = 0.25
FINE, COARSE = 1.0, 4.0  # pixels: deviations of the blurs between which the detail lies that sharpness is relative to
# Fine attributes stand 0.7 of the input's pixels and not 0.5; redness is still seen with 0.35.
SMALL, TINY = 0.7, 0.35
# Photos of whole heads have 0.18 and more, close-ups 0.74; what is grey, green or blue has none. That is all it tells:
# a warm brown wall has the colours of skin.
LEAST_SKIN = 0.1


class Quality(NamedTuple):
    """What a photo is like.

    Attributes:
        lightness: 0..100, CIELAB's L that a hundredth of the skin exceeds.
        clipped: the share of skin where a channel is as bright as can be, 0..1.
        sharpness: detail of the size of the network's pixels, relative to detail a few times that size.
        resolution: pixels of the photo for one of the network's input, along a side.
        skin: the share of what may be skin by its colour, 0..1.
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
        """Why nothing can be graded that shows in fine detail, as code words."""
        found = {"blurred": self.sharpness < BLURRED, "small": TINY <= self.resolution < SMALL}
        return tuple(code for code, true in found.items() if true)

    def notes(self) -> tuple[str, ...]:
        """All that is wrong with the photo, whatever is to be graded."""
        return self.faults() + self.fine_faults()

    def why_not(self, attribute: Attribute) -> tuple[str, ...]:
        """Why an attribute cannot be graded, as code words; empty where it can."""
        return self.notes() if attribute.fine else self.faults()


def measure(photo: np.ndarray, framing: Framing, input_size: int) -> Quality:
    """Measures a photo (h, w, 3) uint8 that is cut by a framing and then made an input of so many pixels a side."""
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
    """How much detail a picture (h, w, 3) uint8 has of a pixel's size, relative to that of a few pixels' size.

    Relative, so that it does not say how much there is to be seen; 0 where there is nothing.
    """
    lightness = _lightness(picture)
    fine, coarse = (cv2.GaussianBlur(lightness, (0, 0), sigma) for sigma in (FINE, COARSE))
    largest = float((fine - coarse).std())
    return float((lightness - fine).std()) / largest if largest > 0 else 0.0


def _lightness(pixels: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 RGB to L (h, w), 0..100."""
    return cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[..., 0]


def _within(picture: np.ndarray, longest: int) -> np.ndarray:
    """Scaled down, if that is needed, until no side has more pixels than that."""
    scale = min(1.0, longest / max(picture.shape[:2]))
    width, height = (max(1, round(scale * side)) for side in picture.shape[1::-1])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _pixels_across(photo: np.ndarray, framing: Framing) -> float:
    """How many pixels of a photo there are along the shorter side of what is cut out of it.

    Where the cut comes from is seen by cutting a picture of the photo's coordinates.
    """
    height, width = photo.shape[:2]
    y, x = np.indices((height, width), dtype=np.float32)
    places = framing(x) + 1j * framing(y)
    middle = places[places.shape[0] // 2], places[:, places.shape[1] // 2]  # a row and a column
    return float(min(np.abs(line[-1] - line[0]) for line in middle)) + 1
