"""A step of preprocessing that shows the network the face alone."""

from dataclasses import dataclass

import numpy as np

from multiskin.faces.alignment import align
from multiskin.faces.detection import DEFAULT, find_faces


@dataclass(frozen=True)
class FaceCrop:
    """A photo (h, w, 3) uint8 RGB to its largest face, upright, or to the photo itself where there is none.

    It holds settings only, so that it goes to worker processes, each of which loads the detector for itself.

    Attributes:
        size: height and width of the crop, pixels.
        margin: what is added on each side, as a share of half the face's height.
        detector: as for `find_faces`.

    Raises:
        UserError: no such detector, when it is first called.
    """

    size: int = 512
    margin: float = 0.1
    detector: str = DEFAULT

    def __call__(self, photo: np.ndarray) -> np.ndarray:
        faces = find_faces(photo, self.detector)
        return align(photo, faces[0], self.size, self.margin)[0] if faces else photo
