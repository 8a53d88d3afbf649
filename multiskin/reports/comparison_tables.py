"""The tables of a comparison as Markdown, for a README."""

from collections.abc import Sequence

import pandas as pd

from multiskin.compare.comparison import Comparison
from multiskin.reports.comparison_lines import Line, lines_of, rows
from multiskin.reports.formats import amount, number, signed, span
from multiskin.reports.grade_counts import SIDE_TITLES
from multiskin.reports.markdown import markdown_table

DECIMALS = 3


def comparison_table_markdown(comparison: Comparison) -> str:
    """What each head is judged by on both sides and how sure their difference is; and below, what both sides cost."""
    lines = lines_of(comparison)
    return f"{_caption(comparison, lines)}\n\n{_scores(lines)}\n\n{_costs(comparison.cost)}\n"


def _caption(comparison: Comparison, lines: Sequence[Line]) -> str:
    metrics = " and ".join(dict.fromkeys(line.metric for line in lines))
    photos = f"{comparison.photos} {SIDE_TITLES[comparison.side]} photos"
    if lines[0].found.unit_kind == "subjects":
        photos += f" of {max(line.found.units for line in lines)} subjects"
    seeds = ", ".join(map(str, comparison.seeds))
    told = [f"{metrics} on {photos}; seeds {seeds}; {comparison.protocol}; 95 % intervals of the difference."]
    if comparison.side != "test":
        told.append("Still being tuned on these photos.")
    if len(comparison.seeds) == 1:
        told.append("One seed, so exploratory.")
    return " ".join(told)


def _scores(lines: Sequence[Line]) -> str:
    heading = (
        *("attribute", "best constant", "second rater", "single", "shared", "difference", "these trained models"),
        *("the method", "detectable", "verdict"),
    )
    return markdown_table(heading, map(_score, lines))


def _score(line: Line) -> list[str]:
    found = line.found
    values = (line.constant, line.second, found.baseline, found.candidate)
    return [
        line.title,
        *(number(value, DECIMALS) for value in values),
        signed(found.difference, DECIMALS),
        span(found.trained_low, found.trained_high, DECIMALS),
        span(found.method_low, found.method_high, DECIMALS),
        number(found.detectable, DECIMALS),
        found.verdict,
    ]


def _costs(cost: pd.DataFrame) -> str:
    heading = ("cost", "device", "single models", "shared model", "ratio", "95 % interval")
    lines = (
        [
            row.quantity,
            row.device,
            amount(row.singles, row.unit),
            amount(row.shared, row.unit),
            number(row.ratio),
            span(row.low, row.high),
        ]
        for row in rows(cost)
    )
    return markdown_table(heading, lines)
