"""The charts of a comparison, to be drawn within page_style for a page or picture_style for a file.

The shared model has one colour, the single models another.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from multiskin.reports.charts import WIDTH, short
from multiskin.reports.comparison_lines import Line, rows
from multiskin.reports.styles import ACCENT, INK, MUTED, PAPER, SERIES

ON_NO_DEVICE = "the models and their training"
SHARED, SINGLE = SERIES[0], SERIES[1]
TRAINED: dict[str, Any] = {"linewidth": 5, "alpha": 0.45, "solid_capstyle": "butt"}
METHOD: dict[str, Any] = {"linewidth": 1.3}
VALUE: dict[str, Any] = {"linestyle": "none", "markersize": 7.5, "markeredgecolor": PAPER}
SEED: dict[str, Any] = {"linestyle": "none", "markersize": 4, "c": MUTED, "markerfacecolor": "none", "alpha": 0.8}
CONSTANT: dict[str, Any] = {
    "linestyle": "none",
    "marker": "|",
    "markersize": 14,
    "markeredgewidth": 1.6,
    "c": MUTED,
}
SECOND: dict[str, Any] = SEED | {"marker": "D", "markersize": 5.5, "alpha": 1}


def draw_differences(lines: Sequence[Line]) -> Figure:
    """The difference for each line, shared minus single, with both intervals and the difference of each seed."""
    figure, axes = _rows(lines, "shared − single")
    axes.axvline(0, color=MUTED, linewidth=1, zorder=1)
    for position, line in enumerate(lines):
        _draw_difference(axes, position, line)
    above: dict[str, Any] = {"transform": axes.transAxes, "va": "bottom", "fontsize": 9}
    axes.text(0, 1.01, "← single better", color=SINGLE, **above)
    axes.text(1, 1.01, "shared better →", color=SHARED, ha="right", **above)
    legend = [Line2D([], [], color=INK, label="these trained models", **TRAINED)]
    if lines[0].found.seeds > 1:
        legend.append(Line2D([], [], color=INK, label="the method", **METHOD))
        legend.append(Line2D([], [], marker="o", label="each seed", **SEED))
    figure.legend(handles=legend, loc="outside lower center", ncols=3, fontsize=9)
    return figure


def _draw_difference(axes: Axes, position: int, line: Line) -> None:
    found, colour = line.found, INK if line.is_mean else SHARED  # sets the mean apart
    axes.plot([found.trained_low, found.trained_high], [position] * 2, color=colour, **TRAINED)
    axes.plot([found.method_low, found.method_high], [position] * 2, color=colour, **METHOD)
    axes.plot(found.difference, position, marker="o", color=colour, **VALUE)
    if found.seeds > 1:
        by_seed = line.by_seed["candidate"] - line.by_seed["baseline"]
        axes.plot(by_seed, [position + 0.3] * found.seeds, marker="o", **SEED)


def draw_levels(lines: Sequence[Line]) -> Figure:
    """Both sides' scores on each line, with each seed, the best constant answer and a second rater."""
    figure, axes = _rows(lines, "higher is better")
    _draw_side(axes, lines, "candidate", -1, label="shared", marker="o", color=SHARED)
    _draw_side(axes, lines, "baseline", 1, label="single", marker="s", color=SINGLE)
    _draw_reference(axes, (line.constant for line in lines), label="best constant answer", **CONSTANT)
    _draw_reference(axes, (line.second for line in lines), label="second rater", **SECOND)
    if lines[0].found.seeds > 1:
        axes.plot([], [], marker="o", label="each seed", **SEED)
    figure.legend(loc="outside lower center", ncols=3, fontsize=9, columnspacing=1, handletextpad=0.2)
    return figure


def _draw_side(axes: Axes, lines: Sequence[Line], side: str, below: int, marker: str, **style: Any) -> None:
    """One side's scores, above (below = -1) or below (1) the middle of each row, and its seeds further out."""
    positions = np.arange(len(lines))
    axes.plot([getattr(line.found, side) for line in lines], positions + 0.14 * below, marker=marker, **VALUE, **style)
    for position, line in enumerate(lines):
        if line.found.seeds > 1:
            axes.plot(line.by_seed[side], [position + 0.35 * below] * line.found.seeds, marker=marker, **SEED)


def _draw_reference(axes: Axes, values: Iterable[float | None], **style: Any) -> None:
    """Draws the values that are known of a reference; nothing if none is."""
    known = {position: value for position, value in enumerate(values) if value is not None}
    if known:
        axes.plot(list(known.values()), list(known), **style)


def draw_costs(cost: pd.DataFrame) -> Figure:
    """The ratio of the single models' total cost to the shared model's, by device and quantity."""
    devices = list(cost.groupby("device", sort=False))
    figure = Figure(figsize=(WIDTH, 0.7 + 0.3 * (len(cost) + len(devices))), layout="constrained")
    axes = figure.subplots()
    position, labels = 0, {}
    for device, of_device in devices:
        axes.text(0, position, str(device) or ON_NO_DEVICE, va="center", color=MUTED, fontsize=9)
        axes.plot([1, 1], [position + 0.5, position + len(of_device) + 0.5], color=INK, linewidth=1, linestyle=":")
        for row in rows(of_device):
            position += 1
            labels[position] = row.quantity
            _draw_ratio(axes, position, row)
        position += 1
    axes.set_yticks(list(labels), list(labels.values()))
    axes.set(xlim=(0, 1.15 * np.nanmax(cost[["ratio", "high"]].to_numpy())), ylim=(position - 0.4, -0.6))
    axes.set_xlabel("times what the shared model costs")
    _bare(axes)
    return figure


def _draw_ratio(axes: Axes, position: int, row: Any) -> None:
    axes.barh(position, row.ratio, 0.66, color=ACCENT)
    axes.plot([row.low, row.high], [position] * 2, color=INK, **METHOD)
    end = (np.nanmax([row.ratio, row.high]), position)
    label = axes.annotate(f"{row.ratio:.2f}", end, (5, 0), textcoords="offset points", va="center", fontsize=9)
    label.set_bbox({"facecolor": PAPER, "edgecolor": "none", "pad": 1})  # hides the line at 1 behind a small ratio


def _rows(lines: Sequence[Line], label: str) -> tuple[Figure, Axes]:
    """An empty chart with a row for each line, the first on top; names the metric only once if all have the same."""
    figure = Figure(figsize=(WIDTH, 1.1 + 0.48 * len(lines)), layout="constrained")
    axes = figure.subplots()
    metrics = [line.metric for line in lines]
    if len(set(metrics)) == 1:
        titles, label = [short(line.title) for line in lines], f"{metrics[0]}: {label}"
    else:
        titles = [f"{short(line.title)}\n{line.metric}" for line in lines]
    axes.set_yticks(range(len(lines)), titles)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    _bare(axes)
    return figure, axes


def _bare(axes: Axes) -> None:
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
