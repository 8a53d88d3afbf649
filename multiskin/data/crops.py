"""Names of parts of photos: the photo's path followed by the position of the part.

face.jpg#xywh=300,1400,500,600 is the 500 x 600 pixels of face.jpg that start 300 from the left and 1400 from the top
(W3C Media Fragments URI 1.0, 4.2.2). Whatever reads a photo by its name also reads a part.
"""

import re
from typing import NamedTuple

import numpy as np

CORNERS = 4  # x0, y0, x1, y1
NAME = re.compile(r"(.*)#xywh=(\d+),(\d+),(\d+),(\d+)", re.DOTALL)


class Box(NamedTuple):
    """A part of an upright photo, in pixels from the upper left corner; x1 and y1 are exclusive."""

    x0: int
    y0: int
    x1: int
    y1: int

    def within(self, height: int, width: int) -> "Box | None":
        """The part of the box that lies on a photo of that size; None if nothing does."""
        inside = Box(max(self.x0, 0), max(self.y0, 0), min(self.x1, width), min(self.y1, height))
        return inside if inside.x0 < inside.x1 and inside.y0 < inside.y1 else None

    def cut(self, photo: np.ndarray) -> np.ndarray:
        """A copy of its pixels of a photo (h, w, 3), which must contain the box."""
        return photo[self.y0 : self.y1, self.x0 : self.x1].copy()


def part_name(path: str, box: Box | None) -> str:
    """The name of a part of a photo; for the whole photo (None), its path."""
    return path if box is None else f"{path}#xywh={box.x0},{box.y0},{box.x1 - box.x0},{box.y1 - box.y0}"


def parse_name(name: str) -> tuple[str, Box | None]:
    """The path of the photo and the part that a name stands for; None for the whole photo."""
    found = NAME.fullmatch(name)
    if found is None:
        return name, None
    x, y, width, height = map(int, found.groups()[1:])
    return found[1], Box(x, y, x + width, y + height)
