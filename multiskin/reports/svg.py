"""Matplotlib's figures as SVG that stands in a page: in the page's colours and fonts, light and dark."""

import re
from html import escape
from io import StringIO

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from multiskin.reports.styles import STAND_INS

VARIABLES = {colour: name for name, colour in STAND_INS.items()}  # of CSS, which differ between light and dark


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
    inside = re.sub("|".join(VARIABLES), lambda found: f"var(--{VARIABLES[found[0]]})", inside)
    width, height = figure.get_size_inches() * 72
    opening = f'<svg viewBox="0 0 {width:g} {height:g}" style="max-width: {width * 1.4:.0f}px" role="img"'
    return Markup(f'{opening} aria-label="{escape(description)}">{inside}')
