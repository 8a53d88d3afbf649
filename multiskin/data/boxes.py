"""Converts the box columns of a table into names of parts of photos."""

import math
from collections.abc import Sequence

import pandas as pd

from multiskin.data.crops import CORNERS, Box, part_name
from multiskin.data.table import Problem, shown


def name_parts(cells: pd.DataFrame, image: str, corners: Sequence[str] | None) -> tuple[pd.DataFrame, list[Problem]]:
    """The table with each path replaced by the name of the row's part, and the problems with its boxes.

    Args:
        cells: the table.
        image: the column of paths.
        corners: the columns of x0, y0, x1 and y1; a row where all four are blank is about the whole photo.
    """
    if corners is None or not {image, *corners} <= set(cells.columns):
        return cells, []
    if len(corners) != CORNERS:
        return cells, [Problem(f"data.columns.box names {len(corners)} columns; name those of x0, y0, x1 and y1")]
    names, problems = [], []
    for row, path, *texts in cells[[image, *corners]].itertuples():
        box = _box(texts)
        names.append(part_name(path, box) if path else path)
        if box is None and any(texts):
            found = ", ".join(shown(text) or "blank" for text in texts)
            remedy = "give whole pixels, the upper left corner first, or leave all four cells blank"
            problems.append(Problem(f"{found} is not a box; {remedy}", row, ", ".join(corners)))
    return cells.assign(**{image: names}), problems


def _box(texts: Sequence[str]) -> Box | None:
    """The box with these corners; None if they do not form one."""
    try:
        values = [float(text) for text in texts]
        if not all(math.isfinite(value) and value >= 0 for value in values):
            return None
        box = Box(*map(round, values))
    except ValueError:
        return None
    return box if box.x0 < box.x1 and box.y0 < box.y1 else None
