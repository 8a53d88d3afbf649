"""How cells and tables are written."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from multiskin.compare.words import limits


def markdown(headings: Iterable[str], lines: Iterable[Iterable[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    headings = list(headings)
    return [f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *lines)]


def interval(row: pd.Series) -> str:
    """As much as is known: nothing, the value alone, or with its interval."""
    if pd.isna(row["mean"]):
        return ""
    if pd.isna(row["low"]):
        return f"{row['mean']:.2f}"
    return bounded(row["mean"], row["low"], row["high"])


def bounded(value: float, low: float, high: float, *, decimals: int = 2, sign: str = "") -> str:
    """A value and its interval, which is written no narrower than it is."""
    return f"{value:{sign}.{decimals}f} ({limits(low, high, decimals)})"


def spread(low: int, high: int) -> str:
    """From the smallest to the largest of several counts."""
    return str(low) if low == high else f"{low} to {high}"


def origin(source: dict[str, Any]) -> str:
    """The command that gave the numbers, and the machine."""
    return f"`{source['command']}`, {source['machine']}."


def seeds_of(source: dict[str, Any]) -> str:
    """Each seed once, although results may name one for each of their runs."""
    return ", ".join(map(str, dict.fromkeys(source["seeds"])))
