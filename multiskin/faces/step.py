"""The step of preprocessing that shows the network the face alone, or skin alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from multiskin.config import SkinConfig
from multiskin.faces.alignment import cut, upright
from multiskin.faces.detection import DetectedFace, find_faces, load_detector
from multiskin.faces.skin import skin_mask

MARGIN = 0.1  # around a face, as a share of half its height
GREY = 127  # in place of what is not skin

Framing = Callable[[np.ndarray], np.ndarray]
"""What cuts any picture of a photo's height and width, such as a mask, as the photo is cut."""


@dataclass(frozen=True)
class SkinStep:
    """A photo (h, w, 3) uint8 RGB to what the network is to see of it.

    It holds settings only, so that it goes to worker processes, each of which loads the detector for itself.

    Attributes:
        config: what is done.
        size: height and width of a face that is cut out, pixels.
    """

    config: SkinConfig
    size: int

    def check(self) -> None:
        """Finds out whether faces could be found.

        Raises:
            UserError: no such detector.
        """
        if self.config.crop or self.config.only or self.config.detector is not None:
            load_detector(self.config.detector)

    def __call__(self, photo: np.ndarray) -> np.ndarray:
        if not (self.config.crop or self.config.only):
            return photo
        face = self._face(photo)
        bare = bared(photo, face) if self.config.only else photo
        return self._framing(face)(bare)

    def framing(self, photo: np.ndarray) -> Framing:
        """How a photo is cut."""
        return self._framing(self._face(photo) if self.config.crop else None)

    def _face(self, photo: np.ndarray) -> DetectedFace | None:
        """The largest one."""
        return next(iter(find_faces(photo, self.config.detector)), None)

    def _framing(self, face: DetectedFace | None) -> Framing:
        if face is None or not self.config.crop:
            return lambda picture: picture
        return partial(cut, transform=upright(face, self.size, MARGIN), size=self.size)


def bared(photo: np.ndarray, face: DetectedFace | None) -> np.ndarray:
    """A photo (h, w, 3) uint8 on which all but skin and lips is grey; as it is where no skin is found."""
    mask = skin_mask(photo, face, lips=True)
    return on_grey(photo, mask) if mask.any() else photo


def on_grey(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A photo (h, w, 3) uint8 where a mask (h, w) is 1, and grey where it is 0."""
    weight = mask[..., None]
    return np.rint(weight * photo + (1 - weight) * GREY).astype(np.uint8)


def find_skin(photo: np.ndarray, detector: str | None, lips: bool = False) -> np.ndarray:
    """The mask of skin (h, w) float32, 0..1, of the largest face of a photo, or of a close-up without one.

    It is 0 throughout where no skin is found.
    """
    return skin_mask(photo, next(iter(find_faces(photo, detector)), None), lips)
