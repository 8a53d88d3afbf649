"""The preprocessing step that crops photos to the face or hides everything but skin."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from multiskin.config import SkinConfig
from multiskin.faces.alignment import cut, upright
from multiskin.faces.detection import DetectedFace, find_faces, load_detector
from multiskin.faces.skin import skin_mask

MARGIN = 0.1  # around a face, as a share of half its height
GREY = 127  # in place of what is not skin

Framing = Callable[[np.ndarray], np.ndarray]
"""Crops any picture with a photo's height and width, such as a mask, in the same way as the photo."""


class Portrait:
    """A photo with its largest face, which is detected once, when first needed.

    Args:
        photo: (h, w, 3) uint8 RGB.
        detector: path of a YuNet model; None uses MTCNN.
    """

    def __init__(self, photo: np.ndarray, detector: str | None) -> None:
        self.photo = photo
        self.detector = detector

    @cached_property
    def face(self) -> DetectedFace | None:
        return next(iter(find_faces(self.photo, self.detector)), None)

    def skin(self, lips: bool = False) -> np.ndarray:
        """The skin mask (h, w) float32, 0..1, of the face, or of the photo as a close-up if it has none."""
        return skin_mask(self.photo, self.face, lips)


@dataclass(frozen=True)
class SkinStep:
    """Turns a photo (h, w, 3) uint8 RGB into the part of it that the network should see.

    It holds only settings, so it can be sent to worker processes, each of which loads its own detector.

    Attributes:
        config: the settings.
        size: height and width of a cropped face, in pixels.
    """

    config: SkinConfig
    size: int

    def check(self) -> None:
        """Makes sure that the face detector can be loaded, if it is needed or given.

        Raises:
            UserError: the detector's file does not exist or is not a YuNet model.
        """
        if self.config.crop or self.config.only or self.config.detector is not None:
            load_detector(self.config.detector)

    def __call__(self, photo: np.ndarray) -> np.ndarray:
        return self.view(self.portrait(photo))[0]

    def portrait(self, photo: np.ndarray) -> Portrait:
        """The photo in the form that `view` takes."""
        return Portrait(photo, self.config.detector)

    def view(self, portrait: Portrait) -> tuple[np.ndarray, Framing]:
        """What the network should see of a photo, and how the photo is cropped for that."""
        framing = self._framing(portrait)
        return framing(only_skin(portrait) if self.config.only else portrait.photo), framing

    def _framing(self, portrait: Portrait) -> Framing:
        if not self.config.crop or portrait.face is None:
            return uncut
        return partial(cut, transform=upright(portrait.face, self.size, MARGIN), size=self.size)


def uncut(picture: np.ndarray) -> np.ndarray:
    """The framing of a photo that is not cropped; not a lambda, since worker processes must pickle it."""
    return picture


def only_skin(portrait: Portrait) -> np.ndarray:
    """A photo (h, w, 3) uint8 with everything but skin and lips turned grey; unchanged if no skin is found."""
    mask = portrait.skin(lips=True)
    return on_grey(portrait.photo, mask) if mask.any() else portrait.photo


def on_grey(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A photo (h, w, 3) uint8 blended by a mask (h, w): unchanged where it is 1, grey where it is 0."""
    weight = mask[..., None]
    return np.rint(weight * photo + (1 - weight) * GREY).astype(np.uint8)
