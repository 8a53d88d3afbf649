"""Matplotlib's figures as SVG that stands in a page: in the page's colours and fonts, light and dark."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from io import StringIO
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from multiskin.reports.fonts import families

# What is drawn in these colours gets the page's own, which are CSS variables and differ between light and dark.
INK, MUTED, LINE, ACCENT = "#010101", "#020202", "#030303", "#040404"
SERIES = ("#050501", "#050502", "#050503", "#050504", "#050505", "#050506")
VARIABLES = {INK: "ink", MUTED: "muted", LINE: "line", ACCENT: "accent"} | {
    colour: f"series-{number}" for number, colour in enumerate(SERIES, start=1)
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # words stay words, in a font of the reader's machine
    "text.parse_math": False,  # a dollar in a name is a dollar
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
    """Within it figures are drawn for the page."""
    with mpl.rc_context({"font.family": families(), **STYLE}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the reader's fonts draw it
        yield


def to_svg(figure: Figure, name: str, description: str) -> Markup:
    """The figure as an SVG element, whose description is read out where it is not seen.

    Args:
        figure: drawn within page_style.
        name: unlike that of any other figure on the page, for ids are the page's.
        description: what is to be seen.
    """
    file = StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(
            file, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
        )
    text = file.getvalue()
    _, _, inside = text[text.index("<svg") :].partition(">")
    inside = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", inside, flags=re.DOTALL)  # it is of the whole page
    inside = inside.replace("xlink:href", "href")
    inside = re.sub(r' id="([^"]*)"', lambda found: found[0] if f"#{found[1]}" in text else "", inside)
    inside = re.sub(r"#0[1-5]0[1-5]0[1-6]\b", lambda found: f"var(--{VARIABLES[found[0]]})", inside)
    width, height = figure.get_size_inches() * 72
    opening = f'<svg viewBox="0 0 {width:g} {height:g}" style="max-width: {width * 1.4:.0f}px" role="img"'
    return Markup(f'{opening} aria-label="{escape(description)}">{inside}')
