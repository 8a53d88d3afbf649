"""Matplotlib figures as inline SVG, in the page's fonts and its light and dark colours."""

import re
from html import escape
from io import StringIO

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from multiskin.reports.styles import PLACEHOLDERS

VARIABLES = {colour: name for name, colour in PLACEHOLDERS.items()}  # in CSS, with light and dark values


def to_svg(figure: Figure, name: str, description: str) -> Markup:
    """The figure as an SVG element, with a description for screen readers.

    Args:
        figure: a figure drawn within page_style.
        name: unique among the figures of the page, so that ids in the SVG are too.
        description: what the figure shows.
    """
    file = StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(
            file, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
        )
    text = file.getvalue()
    _, _, inside = text[text.index("<svg") :].partition(">")
    inside = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", inside, flags=re.DOTALL)  # applies to the whole page
    inside = inside.replace("xlink:href", "href")
    inside = re.sub(r' id="([^"]*)"', lambda found: found[0] if f"#{found[1]}" in text else "", inside)
    inside = re.sub("|".join(VARIABLES), lambda found: f"var(--{VARIABLES[found[0]]})", inside)
    width, height = figure.get_size_inches() * 72
    opening = f'<svg viewBox="0 0 {width:g} {height:g}" style="max-width: {width * 1.4:.0f}px" role="img"'
    return Markup(f'{opening} aria-label="{escape(description)}">{inside}')
