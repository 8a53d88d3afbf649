"""Results as a table for the terminal."""

import math
from collections.abc import Mapping
from types import MappingProxyType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from multiskin.compare.comparison import Comparison
from multiskin.compare.words import DECIMALS, caveat, plural
from multiskin.data.photos import Photos
from multiskin.data.validation import SIDES
from multiskin.reports.comparison_lines import difference, judging, limits, lines_of
from multiskin.reports.formats import number
from multiskin.schema import Schema

ORDINAL = {
    "n": "photos",
    "p_recall": "P-\nRecall",
    "p_recall_constant": "constant",
    "p_recall_second": "2nd\nrater",
    "kappa": "kappa",
    "mae": "MAE",
    "accuracy": "accu-\nracy",
    "within_one": "within\n1",
    "rps_balanced": "RPS",
}
SECOND_RATER = "\n2nd rater: what a second rater gets, measured by the grades of the first"
LEGEND = """P-Recall over the grades present; constant: what the best constant answer gets
RPS balanced over the grades: lower is better, as for MAE"""
ASCII = str.maketrans("−–", "--")  # signs that not every terminal has
NOMINAL = {"n": "photos", "accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1"}


def print_results(
    metrics: Mapping[str, float],
    schema: Schema,
    title: str,
    console: Console,
    second_rater: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """One line a head and one for their mean; ordinal and nominal heads apart, for they are measured differently.

    What a second rater gets stands beside it where there is one.
    """
    metrics = {**metrics, **{f"{key}_second": value for key, value in second_rater.items()}}
    ordinal = [attribute.name for attribute in schema if attribute.ordinal]
    nominal = [attribute.name for attribute in schema if not attribute.ordinal]
    if ordinal:
        console.print(_table(metrics, schema, [*ordinal, "mean"], ORDINAL, title))
        console.print(LEGEND + (SECOND_RATER if second_rater else ""), style="dim")
    if nominal:
        mean = [] if ordinal else ["mean"]
        console.print(_table(metrics, schema, [*nominal, *mean], NOMINAL, title))


def print_comparison(comparison: Comparison, console: Console) -> None:
    """One line a head and one for their mean: both sides, their difference, and what can be said of it."""
    seeds = f"{plural(len(comparison.seeds), 'seed')} {', '.join(map(str, comparison.seeds))}"
    title = f"{comparison.side}: {comparison.photos} {plural(comparison.photos, 'photo')}, {seeds}"
    table = _narrow_table(title, "metric", "shared", "single", "difference", "95 % interval")
    table.add_column("shared is")
    for line in lines_of(comparison):
        found, interval = line.found, judging(line.found)
        numbers = (number(found.candidate, DECIMALS), number(found.baseline, DECIMALS), difference(interval))
        cells = (line.metric, *numbers, limits(interval.low, interval.high), found.verdict)
        table.add_row(line.title, *(cell.translate(ASCII) for cell in cells))
    console.print(table)
    if told := caveat(len(comparison.seeds)):
        console.print(told)


def _table(
    metrics: Mapping[str, float], schema: Schema, names: list[str], columns: dict[str, str], title: str
) -> Table:
    known = [metric for metric in columns if f"{names[0]}/{metric}" in metrics]  # most tables have one rater
    table = _narrow_table(title, *(columns[metric] for metric in known))
    for name in names:
        label = name if name == "mean" else schema[name].title()
        table.add_row(label, *(_cell(metrics.get(f"{name}/{metric}"), metric) for metric in known))
    return table


def _narrow_table(title: str, *headings: str) -> Table:
    """Fits 80 columns, as terminals have: a long name is broken, a number never."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.collapse_padding = True
    table.add_column("attribute", overflow="fold", min_width=12)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _cell(value: float | None, metric: str) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.0f}" if metric == "n" else f"{value:.3f}"


def print_grades(photos: Photos, console: Console) -> None:
    """How many photos have each grade, by attribute and side of the split."""
    schema = photos.manifest.schema
    grades = map(str, range(schema.max_grades))
    table = _narrow_table(f"{len(photos.manifest)} photos", "side", "photos", "graded", *grades)
    for h, attribute in enumerate(schema):
        for side in SIDES:
            part = photos.side(side)
            counts = part.grade_counts()[h]
            name = attribute.title() if side == SIDES[0] else ""
            table.add_row(name, side, str(len(part)), str(counts.sum()), *map(str, counts))
        table.add_section()
    console.print(table)
