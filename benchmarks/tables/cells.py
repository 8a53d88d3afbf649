"""Formats cells, tables and captions."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from multiskin.compare.words import limits


def markdown(headings: Iterable[str], lines: Iterable[Iterable[str]]) -> list[str]:
    """The lines of a Markdown table."""
    headings = list(headings)
    return [f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *lines)]


def interval(row: pd.Series) -> str:
    """A mean with its interval, without one if it is unknown, or "" if the mean is."""
    if pd.isna(row["mean"]):
        return ""
    if pd.isna(row["low"]):
        return f"{row['mean']:.2f}"
    return bounded(row["mean"], row["low"], row["high"])


def bounded(value: float, low: float, high: float, *, decimals: int = 2, sign: str = "") -> str:
    """A value with its interval, which is rounded outwards."""
    return f"{value:{sign}.{decimals}f} ({limits(low, high, decimals)})"


def spread(low: int, high: int) -> str:
    """A range of counts, or a single count if both are equal."""
    return str(low) if low == high else f"{low} to {high}"


def origin(source: dict[str, Any]) -> str:
    """The command that produced the numbers, and the machine."""
    return f"`{source['command']}`, {source['machine']}."


def seeds_of(source: dict[str, Any]) -> str:
    """The distinct seeds; results may list one per run."""
    return ", ".join(map(str, dict.fromkeys(source["seeds"])))
