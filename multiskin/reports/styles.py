"""Styles of charts on pages and in PNG files: one function draws a chart for both, with named colours."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.colors import get_named_colors_mapping

from multiskin.reports.fonts import families

PAPER, INK, MUTED, LINE, ACCENT = "paper", "ink", "muted", "line", "accent"
LIGHT = {
    PAPER: "#ffffff",
    INK: "#1b1d20",
    MUTED: "#5a6069",
    LINE: "#dfe2e6",
    "wash": "#f5f6f8",
    ACCENT: "#6fa8dc",
    "series-1": "#0072b2",
    "series-2": "#c44e00",
    "series-3": "#00805d",
    "series-4": "#a6407f",
    "series-5": "#8a6d00",
    "series-6": "#4a5fd0",
}
DARK = {
    PAPER: "#15171a",
    INK: "#e9eaec",
    MUTED: "#a2a8b1",
    LINE: "#33373d",
    "wash": "#1e2125",
    ACCENT: "#2f6cab",
    "series-1": "#56b4e9",
    "series-2": "#f0954a",
    "series-3": "#3cc79b",
    "series-4": "#df8fc0",
    "series-5": "#dcc04a",
    "series-6": "#97a6f5",
}
SERIES = tuple(name for name in LIGHT if name.startswith("series"))
PLACEHOLDERS = {name: f"#0000{number:02x}" for number, name in enumerate(LIGHT, start=1)}  # to_svg replaces them
STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # a dollar sign in a name is no formula
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "axes.formatter.use_mathtext": False,
}


@contextmanager
def page_style() -> Iterator[None]:
    """A context for drawing figures for a page; to_svg then gives them the page's light and dark colours."""
    with _style(PLACEHOLDERS, {"svg.fonttype": "none"}), warnings.catch_warnings():  # text stays text
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the browser's fonts draw it
        yield


@contextmanager
def picture_style() -> Iterator[None]:
    """A context for drawing and saving figures as PNG files, in the light colours."""
    with _style(LIGHT, {"figure.facecolor": PAPER, "savefig.dpi": 200}):
        yield


@contextmanager
def _style(colours: Mapping[str, str], more: dict[Any, Any]) -> Iterator[None]:
    known = get_named_colors_mapping()
    for name, colour in colours.items():
        known[name] = colour
    try:
        with mpl.rc_context({"font.family": families(), **STYLE, **more}):
            yield
    finally:
        for name in colours:
            del known[name]
