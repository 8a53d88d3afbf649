"""Tables of results for the terminal."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from multiskin.calibration import Calibrator
from multiskin.compare.comparison import Comparison
from multiskin.compare.words import DECIMALS, caveat, plural
from multiskin.conformal.coverage import coverage_of
from multiskin.conformal.prediction import ConformalSets, Groups, cells
from multiskin.conformal.quantile import min_subjects
from multiskin.data.photos import Photos
from multiskin.data.validation import SIDES
from multiskin.reports.comparison_lines import (
    difference,
    judging_interval,
    limits,
    lines_of,
    results_of,
    shown_summary,
    titles_of,
)
from multiskin.reports.comparison_missing import left_out_text
from multiskin.reports.formats import number, percent
from multiskin.reports.reliability import HeadReliability
from multiskin.schema import Schema

ORDINAL = {
    "n": "photos",
    "p_recall": "P-\nRecall",
    "p_recall_constant": "constant",
    "p_recall_persons": "by\nperson",
    "p_recall_second": "2nd\nrater",
    "kappa": "kappa",
    "mae": "MAE",
    "accuracy": "accu-\nracy",
    "within_one": "within\n1",
    "rps_balanced": "RPS",
}
PERSONS = "\nby person: P-Recall when all photos of a person are graded together"
SECOND_RATER = "\n2nd rater: the score of a second rater against the grades of the first"
LEGEND = """P-Recall: over the grades present; constant: score of the best constant answer
RPS: balanced over grades; lower is better for RPS and MAE"""
CALIBRATION = """T: temperature, which divides log-probabilities; above 1 if these were too sure
ECE: calibration error, below the noise floor in 97.5 % of cases if calibrated"""
ASCII = str.maketrans("−–", "--")  # characters that some terminals cannot show
NOMINAL = {
    "n": "photos",
    "accuracy": "accuracy",
    "accuracy_persons": "by person",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
}


def print_results(
    metrics: Mapping[str, float],
    schema: Schema,
    title: str,
    console: Console,
    second_rater: Mapping[str, float] = MappingProxyType({}),
    persons: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Prints one line per head and one for their mean; ordinal and nominal heads apart, since their metrics differ.

    The scores of a second rater and those by person are columns of their own, if there are any.
    """
    beside = {"second": second_rater, "persons": persons}
    others = {f"{key}_{name}": value for name, of in beside.items() for key, value in of.items()}
    metrics = {**metrics, **others}
    ordinal = [attribute.name for attribute in schema if attribute.ordinal]
    nominal = [attribute.name for attribute in schema if not attribute.ordinal]
    if ordinal:
        console.print(_table(metrics, schema, [*ordinal, "mean"], ORDINAL, title))
        told = LEGEND + (PERSONS if persons else "") + (SECOND_RATER if second_rater else "")
        console.print(told, style="dim")
    if nominal:
        mean = [] if ordinal else ["mean"]
        console.print(_table(metrics, schema, [*nominal, *mean], NOMINAL, title))


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Prints one line per head and one for their mean: both sides and their difference; then what all metrics show."""
    seeds = f"{plural(len(comparison.seeds), 'seed')} {', '.join(map(str, comparison.seeds))}"
    title = f"{comparison.side}: {comparison.photos} {plural(comparison.photos, 'photo')}, {seeds}"
    table = _narrow_table(title, "metric", "shared", "single", "difference", "95 % interval")
    table.add_column("shared is")
    lines = lines_of(comparison)
    for line in lines:
        found, interval = line.found, judging_interval(line.found)
        numbers = (number(found.candidate, DECIMALS), number(found.baseline, DECIMALS), difference(interval))
        cells = (line.metric, *numbers, limits(interval.low, interval.high), found.verdict)
        table.add_row(line.title, *(cell.translate(ASCII) for cell in cells))
    console.print(table)
    console.print(shown_summary(results_of(comparison, lines), titles_of(comparison)), markup=False, highlight=False)
    for told in filter(None, (left_out_text(comparison.left_out), caveat(len(comparison.seeds)))):
        console.print(told, markup=False, highlight=False)


def _table(
    metrics: Mapping[str, float], schema: Schema, names: list[str], columns: dict[str, str], title: str
) -> Table:
    known = [metric for metric in columns if f"{names[0]}/{metric}" in metrics]  # most data sets have only one rater
    table = _narrow_table(title, *(columns[metric] for metric in known))
    for name in names:
        label = name if name == "mean" else schema[name].title()
        table.add_row(label, *(_cell(metrics.get(f"{name}/{metric}"), metric) for metric in known))
    return table


def _narrow_table(title: str, *headings: str) -> Table:
    """A table for a terminal of 80 columns: long names are wrapped, numbers never."""
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
    """Prints how many photos have each grade, by attribute and split."""
    schema = photos.manifest.schema
    grades = map(str, range(schema.max_grades))
    table = _narrow_table(f"{len(photos.manifest)} photos", "side", "photos", "graded", *grades)
    for h, attribute in enumerate(schema):
        for side in SIDES if SIDES[-1] in photos.split else SIDES[:-1]:
            part = photos.side(side)
            counts = part.grade_counts()[h]
            name = attribute.title() if side == SIDES[0] else ""
            table.add_row(name, side, str(len(part)), str(counts.sum()), *map(str, counts))
        table.add_section()
    console.print(table)


def print_sets(
    fitted: ConformalSets, sets: np.ndarray, grades: np.ndarray, units: np.ndarray, groups: Groups, console: Console
) -> None:
    """Prints the mean size of the sets of grades for each threshold, and which thresholds have too few subjects.

    Args:
        fitted: the fitted sets, with their thresholds.
        sets: (N, H, Kmax) masks of the grades in each photo's sets.
        grades: (N, H) true grades, -1 where missing.
        units: (N,) the number of each photo's subject; photos of unknown subjects have their own.
        groups: the values of each group, by its name.
        console: where to print.
    """
    by = [] if fitted.by is None else [fitted.by]
    table = _narrow_table(f"sets for a coverage of {fitted.coverage:g}", *by, "subjects", "photos", "grades", "full")
    unbounded = []
    for h, attribute in enumerate(fitted.schema):
        for cell, mask in cells(attribute, grades[:, h], fitted.by, groups).items():
            place = [attribute.title(), *(by and [cell])]
            found = coverage_of(sets[mask, h, : attribute.grades], grades[mask, h], units[mask])
            width = (number(found.size), percent(found.full)) if found.photos else ("-", "-")
            table.add_row(*place, str(found.subjects), str(found.photos), *width)
            if math.isinf(fitted.thresholds[attribute.name][cell].score):
                unbounded.append(" ".join(place))
        if by:
            table.add_section()
    console.print(table)
    console.print("grades: mean size of a set; full: share of sets that contain every grade", style="dim")
    if unbounded:
        least = f"fewer than {min_subjects(fitted.coverage)} subjects, so the sets rule out no grade"
        console.print(f"{least}: {', '.join(unbounded)}")


def print_calibration(heads: Sequence[HeadReliability], fitted: Mapping[str, Calibrator], console: Console) -> None:
    """Prints how calibration changes each head's probabilities, on the photos that it was fitted to.

    Args:
        heads: how good each head's probabilities are, with and without calibration.
        fitted: the calibrators by head.
        console: where to print.
    """
    then = "cali-\nbrated"
    headings = ("photos", "T", "NLL", then, "ECE", then, "noise\nfloor", "RPS", then)
    table = _narrow_table("validation photos, which the calibration was fitted to", *headings)
    for head in heads:
        now, before, calibrator = head.found, head.before or head.found, fitted.get(head.attribute.name)
        numbers = (before.log_loss, now.log_loss, before.error, now.error, now.floor.high, before.rps, now.rps)
        temperature = calibrator.temperature if calibrator else None
        cells = (f"{value:.3f}" if value is not None else "-" for value in (temperature, *numbers))
        table.add_row(head.attribute.title(), str(head.photos), *cells)
    console.print(table)
    console.print(CALIBRATION, style="dim")
    for name, calibrator in fitted.items():
        weights = calibrator.weight if calibrator.temperature is None else calibrator.weight[:1]
        weight, bias = (" ".join(f"{value:.2f}" for value in of) for of in (weights, calibrator.bias))
        console.print(f"{name}, {calibrator.method}: log-probabilities times {weight}, plus {bias}", style="dim")
        if calibrator.cuts:
            of_cuts = (calibrator.cuts.slope, calibrator.cuts.intercept)
            slope, intercept = (" ".join(f"{value:.2f}" for value in of) for of in of_cuts)
            console.print(f"{name}, then at each cut: log-odds times {slope}, plus {intercept}", style="dim")
