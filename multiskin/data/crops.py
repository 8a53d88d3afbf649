"""A part of a photo as a picture of its own, which has a name of its own: the photo's with the part's place behind it.

face.jpg#xywh=300,1400,500,600 is 500 x 600 pixels of face.jpg that begin 300 from the left and 1400 from above (W3C
Media Fragments URI 1.0, 4.2.2). Whatever reads a photo by its name reads such a part, and no two parts share a name.
"""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from multiskin.data.table import Problem, shown

CORNERS = 4  # x0, y0, x1, y1
NAME = re.compile(r"(.*)#xywh=(\d+),(\d+),(\d+),(\d+)", re.DOTALL)


class Box(NamedTuple):
    """A part of an upright photo in pixels, from the left and from above; x1 and y1 are the first ones beyond it."""

    x0: int
    y0: int
    x1: int
    y1: int

    def within(self, height: int, width: int) -> "Box | None":
        """What of it lies on a photo of that size; None where nothing does."""
        inside = Box(max(self.x0, 0), max(self.y0, 0), min(self.x1, width), min(self.y1, height))
        return inside if inside.x0 < inside.x1 and inside.y0 < inside.y1 else None

    def cut(self, photo: np.ndarray) -> np.ndarray:
        """Its pixels of a photo (h, w, 3) that it lies within, memory of their own."""
        return photo[self.y0 : self.y1, self.x0 : self.x1].copy()


def name_of(path: str, box: Box | None) -> str:
    """What a part of a photo is called; the whole by its path."""
    return path if box is None else f"{path}#xywh={box.x0},{box.y0},{box.x1 - box.x0},{box.y1 - box.y0}"


def parted(name: str) -> tuple[str, Box | None]:
    """The path of the photo that a name means, and which part of it; None for the whole."""
    found = NAME.fullmatch(name)
    if found is None:
        return name, None
    x, y, width, height = map(int, found.groups()[1:])
    return found[1], Box(x, y, x + width, y + height)


def name_parts(cells: pd.DataFrame, image: str, corners: Sequence[str] | None) -> tuple[pd.DataFrame, list[Problem]]:
    """The table with the names of parts in place of paths, where it has boxes, and the bad ones.

    Args:
        cells: the table.
        image: the column of paths.
        corners: the columns of x0, y0, x1 and y1; a row with all of them blank means the whole photo.
    """
    if corners is None or not {image, *corners} <= set(cells.columns):
        return cells, []
    if len(corners) != CORNERS:
        return cells, [Problem(f"data.columns.box names {len(corners)} columns; name those of x0, y0, x1 and y1")]
    names, problems = [], []
    for row, path, *texts in cells[[image, *corners]].itertuples():
        box = _box(texts)
        names.append(name_of(path, box) if path else path)
        if box is None and any(texts):
            found = ", ".join(shown(text) or "blank" for text in texts)
            remedy = "give whole pixels, the upper left corner first, or leave all four blank"
            problems.append(Problem(f"{found} is no box; {remedy}", row, ", ".join(corners)))
    return cells.assign(**{image: names}), problems


def _box(texts: Sequence[str]) -> Box | None:
    """The corners that are written there; None where they are no box."""
    try:
        values = [float(text) for text in texts]
        if not all(math.isfinite(value) and value >= 0 for value in values):
            return None
        box = Box(*map(round, values))
    except ValueError:
        return None
    return box if box.x0 < box.x1 and box.y0 < box.y1 else None
