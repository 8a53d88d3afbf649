"""HTML pages from templates, each in a single file that needs no network."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from multiskin import __version__
from multiskin.reports import formats
from multiskin.reports.styles import DARK, LIGHT
from multiskin.run import write_atomically

FILTERS = (
    formats.magnitude,
    formats.number,
    formats.signed,
    formats.between,
    formats.count,
    formats.percent,
    formats.amount,
)


def write_page(path: Path, template: str, content: Mapping[str, Any]) -> None:
    """Writes a page atomically.

    Args:
        path: the file to write.
        template: the template's name.
        content: the values that the template refers to.
    """
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = _environment().get_template(f"{template}.html.jinja")
    write_atomically(path, page.render(content, written=written, version=__version__, light=LIGHT, dark=DARK))


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("multiskin.reports", "template"),
        autoescape=True,  # names of attributes, grades and groups come from users
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {each.__name__: each for each in FILTERS}
    return made
