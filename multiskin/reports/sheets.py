"""Sheets: rows of pictures with text above each and one colour bar below all of them, legible on a phone."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from multiskin.explain.geometry import WHOLE, Box
from multiskin.explain.overlays import Colours, overlay
from multiskin.explain.scales import Scale
from multiskin.reports.figures import save
from multiskin.reports.styles import MUTED, picture_style

WIDTH = 9.0  # inches; a phone's screen is less than three wide
GAP = 0.15  # inches
LINE = 0.33  # inches from line to line
BAR = 0.25  # inches high
TITLE, TEXT, SMALL = 20, 17, 15  # points
LETTERS = {TITLE: 48, TEXT: 63}  # characters that fit the whole width
FLATTEST, TALLEST = 0.5, 1.6  # limits of height / width of the space for a picture
GREY = 176  # the background of the colour bar, about as light as skin
FRAME = "white"  # colour of the frame around what the network sees


class View(NamedTuple):
    """One picture of a sheet, with the text above it.

    Attributes:
        title: the attribute's or the photo's title.
        words: lines of text below the title.
        picture: (h, w, 3) uint8.
        seen: the part of the picture that the network sees.
        scale: the scale of the colours; None if there are none.
    """

    title: str
    words: list[str]
    picture: np.ndarray
    seen: Box = WHOLE.seen
    scale: Scale | None = None


class Place(NamedTuple):
    """Where a picture is in a figure, in inches from the figure's left and lower edges."""

    left: float
    bottom: float
    width: float
    height: float


def draw_sheet(path: Path, rows: Sequence[Sequence[View]], colours: Colours) -> None:
    """Writes a PNG.

    Args:
        path: the file to write.
        rows: the rows of views; short rows are centred.
        colours: the colours of the overlays.
    """
    columns = max(map(len, rows))
    scales = sorted({view.scale for row in rows for view in row if view.scale is not None})
    words = [[_lines(view, columns, len(scales) > 1) for view in row] for row in rows]
    room = (WIDTH - GAP) / columns  # width of a view with the gap beside it, inches
    height = (room - GAP) * max(_aspect(view) for row in rows for view in row)  # of a picture, inches
    heights = [LINE * max(map(len, of_row)) + GAP / 2 + height + GAP for of_row in words]
    below = BAR + 3 * LINE if scales else 0.0
    with picture_style():
        figure = Figure(figsize=(WIDTH, sum(heights) + below))
        for number, (row, of_row) in enumerate(zip(rows, words, strict=True)):
            top = below + sum(heights[number:])
            left = GAP + (columns - len(row)) * room / 2
            for column, (view, lines) in enumerate(zip(row, of_row, strict=True)):
                place = Place(left + column * room, top - heights[number] + GAP, room - GAP, height)
                _draw_view(figure, view, lines, top, place)
        if scales:
            _draw_bar(figure, scales, colours)
        save(figure, path)


def _aspect(view: View) -> float:
    height, width = view.picture.shape[:2]
    return min(max(height / width, FLATTEST), TALLEST)


def _lines(view: View, columns: int, name_scale: bool) -> list[tuple[str, int]]:
    """The lines of text above a view, each with its font size."""
    full = [f"full: {view.scale.full:.2g} {view.scale.unit}"] if name_scale and view.scale is not None else []
    texts = [(view.title, TITLE), *((text, TEXT) for text in (*view.words, *full))]
    return [(line, size) for text, size in texts for line in wrap(text, LETTERS[size] // columns)]


def _draw_view(figure: Figure, view: View, lines: list[tuple[str, int]], top: float, place: Place) -> None:
    """Draws a picture at its place, and the lines above it from top to bottom."""
    for number, (line, size) in enumerate(lines, start=1):
        weight = "bold" if size == TITLE else "normal"
        figure.text(*_share(figure, place.left, top - number * LINE), line, size=size, weight=weight)
    axes = _axes(figure, place)
    axes.imshow(view.picture)
    axes.set_anchor("NW")
    axes.set_axis_off()
    _draw_seen(axes, view)


def _axes(figure: Figure, place: Place) -> Axes:
    return figure.add_axes((*_share(figure, place.left, place.bottom), *_share(figure, place.width, place.height)))


def _share(figure: Figure, across: float, up: float) -> tuple[float, float]:
    """Inches as fractions of the figure."""
    width, height = figure.get_size_inches()
    return across / width, up / height


def _draw_seen(axes: Axes, view: View) -> None:
    """Draws a frame around what the network sees, unless that is the whole photo."""
    if not np.allclose(view.seen, WHOLE.seen):
        height, width = view.picture.shape[:2]
        left, top, right, bottom = np.array(view.seen) * np.array([width, height, width, height])
        corner = (left - 0.5, top - 0.5)  # a pixel's centre is at a whole number
        frame = Rectangle(corner, right - left, bottom - top, fill=False, edgecolor=FRAME, linewidth=2, linestyle="--")
        axes.add_patch(frame)


def _draw_bar(figure: Figure, scales: Sequence[Scale], colours: Colours) -> None:
    """Draws the colour bar, on grey, and below it what the colours mean."""
    ramp = np.tile(np.linspace(colours.lowest, 1, 512), (2, 1))
    ground = np.full((*ramp.shape, 3), GREY, np.uint8)
    axes = _axes(figure, Place(GAP, 2.5 * LINE, WIDTH - 2 * GAP, BAR))
    axes.imshow(overlay(ground, ramp, 1, colours=colours), aspect="auto", extent=(colours.lowest, 1, 0, 1))
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xticks(*_ticks(scales, colours))
    axes.tick_params(length=0, labelsize=TEXT)
    axes.get_xticklabels()[0].set_horizontalalignment("left")
    axes.get_xticklabels()[-1].set_horizontalalignment("right")
    what = scales[0].unit if len(scales) == 1 else "amount"
    caption = f"{what} that a spot would add if the whole photo looked like it"
    figure.text(*_share(figure, GAP, 0.45 * LINE), caption, size=SMALL, color=MUTED)


def _ticks(scales: Sequence[Scale], colours: Colours) -> tuple[list[float], list[str]]:
    """The positions and labels of the bar's ticks: numbers, or words if the pictures have different scales."""
    places = np.linspace(colours.lowest, 1, 3).tolist()
    if len(scales) > 1:
        return places, [{-1: "less, full colour", 0: "0", 0.5: "half", 1: "full colour"}[place] for place in places]
    labels = [f"{place * scales[0].full:.3g}".replace("-", "−") for place in places]
    return places, [f"{labels[0]} or less" if colours.lowest < 0 else labels[0], labels[1], f"{labels[2]} or more"]
