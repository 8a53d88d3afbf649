"""The charts of a run's report page."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from multiskin.metrics.ordinal import HIGHER_IS_BETTER
from multiskin.reports.grade_counts import HeadCounts, Slice
from multiskin.reports.results import Panel, Row
from multiskin.reports.styles import ACCENT, INK, MUTED, SERIES, page_style
from multiskin.reports.svg import to_svg
from multiskin.schema import Attribute, Schema

LONGEST = 22  # characters of a label
WIDTH = 5.0  # inches; the page scales a chart to its column, which is about as wide on a phone


def draw_intervals(panel: Panel) -> Markup:
    """Each row's first metric with its interval, beside the best constant answer and the second rater."""
    with page_style():
        figure = Figure(figsize=(WIDTH, 0.8 + 0.3 * len(panel.rows)), layout="constrained")
        axes = figure.subplots()
        for position, row in enumerate(panel.rows):
            _draw_interval(axes, position, row)
        axes.set_yticks(range(len(panel.rows)), [short(row.title) for row in panel.rows])
        axes.set_ylim(len(panel.rows) - 0.4, -0.6)
        lowest = [value for row in panel.rows for value in (row.scores[0].low, row.scores[0].value, 0.0)]
        axes.set_xlim(min(-0.02, np.nanmin(lowest) - 0.05), 1.02)
        axes.set_xlabel(f"{panel.metrics[0]}, higher is better")
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        name = panel.metrics[0]
        return to_svg(figure, f"intervals {panel.kind}", f"{name} of each head with its interval, as in the table")


def _draw_interval(axes: Axes, position: int, row: Row) -> None:
    value, low, high = row.scores[0]
    colour = INK if row.photos is None else SERIES[0]  # sets a mean apart
    axes.plot([row.constant] * 2, [position - 0.24, position + 0.24], color=MUTED, linewidth=1.6)
    if row.second is not None:
        axes.plot(row.second, position, marker="D", markersize=5, markerfacecolor="none", color=MUTED)
    axes.plot([low, high], [position] * 2, color=colour, linewidth=2.4, solid_capstyle="round")
    axes.plot(value, position, marker="o", markersize=7, color=colour)


def draw_confusion(counts: np.ndarray, attribute: Attribute, number: int) -> Markup:
    """Counts (K, K), true grade in rows; the stronger a cell's colour, the larger its share of the row."""
    k = attribute.grades
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    with page_style():
        figure = Figure(figsize=(3.5, 3.35), layout="constrained")
        axes = figure.subplots()
        labels = [short(attribute.grade_label(grade)) for grade in range(k)]
        draw_fields(axes, shares, counts.astype(str).tolist(), labels, labels, fontsize=min(11, 66 / k))
        axes.set(aspect="equal", xlabel="predicted", ylabel="true")
        rows = "; ".join(f"{label}: {', '.join(map(str, row))}" for label, row in zip(labels, counts, strict=True))
        return to_svg(figure, f"confusion {number}", f"Counts of predictions by true grade. {rows}")


def draw_fields(
    axes: Axes,
    shares: np.ndarray,
    texts: Sequence[Sequence[str]],
    rows: Sequence[str],
    columns: Sequence[str],
    fontsize: float = 9,
) -> None:
    """A grid of cells, each with its text, in a colour as strong as its share (R, C)."""
    for (row, column), share in np.ndenumerate(shares):
        corner = (column - 0.48, row - 0.48)
        axes.add_patch(Rectangle(corner, 0.96, 0.96, facecolor=ACCENT, alpha=max(float(share), 0.04)))
        colour = INK if share else MUTED
        axes.text(column, row, texts[row][column], ha="center", va="center", color=colour, fontsize=fontsize)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(len(columns)), columns)
    if max(map(len, columns)) > 2:
        axes.tick_params("x", rotation=45)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.tick_params("x", labelcolor=INK)
    axes.spines[:].set_visible(False)


def draw_curves(curves: pd.DataFrame, schema: Schema, monitor: str) -> list[tuple[str, Markup]]:
    """Titles and charts by epoch: the losses, and each head's monitored metric (or its training loss for val/loss).

    Args:
        curves: the run's logs/metrics.csv, one column for each logged quantity.
        schema: the heads.
        monitor: val/loss, val/HEAD/METRIC or val/mean/METRIC.
    """
    by_epoch = curves.groupby("epoch").last()
    metric = monitor.rsplit("/", 1)[-1]
    side, title = ("train", "Training loss by head") if metric == "loss" else ("val", _metric_title(metric))
    losses = {"training": "train/loss", "validation": "val/loss"}
    heads = {attribute.title(): f"{side}/{attribute.name}/{metric}" for attribute in schema}
    if metric != "loss":
        heads["mean"] = f"{side}/mean/{metric}"
    return [
        ("Loss, lower is better", _draw_lines(by_epoch, losses, "losses")),
        (title, _draw_lines(by_epoch, heads, "heads")),
    ]


def _metric_title(metric: str) -> str:
    better = "higher" if HIGHER_IS_BETTER[metric] else "lower"
    words = {"rps": "ranked probability score", "rps_balanced": "ranked probability score, balanced over grades"}
    return f"Validation {words.get(metric, metric.replace('_', ' '))}: {better} is better"


def _draw_lines(by_epoch: pd.DataFrame, keys: Mapping[str, str], name: str) -> Markup:
    known = {label: by_epoch[key].dropna() for label, key in keys.items() if key in by_epoch}
    with page_style():
        figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        axes = figure.subplots()
        for number, (label, values) in enumerate(known.items()):
            axes.plot(values.index + 1, values, label=short(label), **_line(number, label))
        epochs = int(by_epoch.index.max()) + 1
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set(xlabel="epoch", xlim=(0.5, epochs + 0.5))
        axes.grid()
        axes.tick_params("y", labelcolor=MUTED)
        figure.legend(loc="outside lower center", ncols=3, fontsize=9)
        return to_svg(figure, f"curves {name}", f"{', '.join(known)} by epoch")


def _line(number: int, label: str) -> dict[str, Any]:
    if label == "mean":
        return {"c": INK, "linewidth": 2.4}
    styles = ("-", "--", ":", "-.")  # to tell many heads apart, also in greyscale print
    markers = "osD^vP"
    return {
        "c": SERIES[number % len(SERIES)],
        "linestyle": styles[number // len(SERIES) % len(styles)],
        "marker": markers[number % len(markers)],
        "markersize": 3.5,
        "linewidth": 1.5,
    }


def draw_grades(head: HeadCounts, number: int) -> Markup:
    """A bar for each split, part and group: the shares of its grades, and how many photos are graded."""
    shown = {column: slices for column, slices in head.slices.items() if slices}
    lines = sum(map(len, shown.values())) + len(shown)
    with page_style():
        figure = Figure(figsize=(WIDTH, 0.5 + 0.27 * lines), layout="constrained")
        axes = figure.subplots()
        position, ticks = 0, {}
        for column, slices in shown.items():
            axes.text(0, position + 0.1, short(column), color=MUTED, fontsize=9, va="center")
            for part in slices:
                position += 1
                ticks[position] = short(part.title)
                if part.graded:
                    _draw_slice(axes, position, part, head.attribute)
                else:
                    axes.text(0, position, f"none of {part.photos}", va="center", color=MUTED, fontsize=8.5)
            position += 1
        axes.set(xlim=(0, 1.34), ylim=(position - 0.4, -0.5))
        axes.set_yticks(list(ticks), list(ticks.values()))
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        return to_svg(figure, f"grades {number}", _description(shown, head.attribute))


def _draw_slice(axes: Axes, position: int, part: Slice, attribute: Attribute) -> None:
    left = 0.0
    for grade, count in enumerate(part.counts):
        width = count / part.graded
        alpha = 0.12 + 0.88 * grade / (attribute.grades - 1)
        axes.barh(position, width, 0.82, left, color=ACCENT, alpha=alpha)
        label = attribute.grade_label(grade)
        if width > 0.03 + 0.017 * len(label):
            axes.text(left + width / 2, position, label, ha="center", va="center", fontsize=8)
        left += width
    words = f"{part.graded}" + (f", {100 * part.missing:.0f} % blank" if part.graded < part.photos else "")
    axes.text(1.015, position, words, va="center", color=MUTED, fontsize=8.5)


def _description(slices: Mapping[str, Sequence[Slice]], attribute: Attribute) -> str:
    labels = ", ".join(map(attribute.grade_label, range(attribute.grades)))
    parts = (f"{of.title}: {', '.join(map(str, of.counts))}" for parts in slices.values() for of in parts)
    return f"Photos by grade ({labels}). {'; '.join(parts)}"


def short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"
