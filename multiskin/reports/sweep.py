"""The results of a sweep: a table of the best trials, parallel coordinates of all, and option importances."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from multiskin.reports.figures import drawable_text, save
from multiskin.reports.fonts import families
from multiskin.search.space import Choices, Range, Space

SHOWN = 5  # trials in the table
LONGEST = 16  # characters of a label beside an axis
MOST_DIGITS = 17  # digits of a number
APART = 0.05  # least distance of a tick from the ends of its axis, as a share of the axis


def print_best(best: pd.DataFrame, console: Console) -> None:
    """Prints the best trials side by side, with their results and options.

    Args:
        best: the finished trials, best first, with columns trial, the monitored metric and the options.
        console: where to print.
    """
    title = f"the best of {len(best)} trials"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=0)  # for 80 columns
    table.add_column("", overflow="fold")
    shown = best.head(SHOWN).set_index("trial")
    for name in shown.index:
        table.add_column(name, justify="right", overflow="fold", width=len(name))
    for option, values in shown.items():
        table.add_row(str(option), *map(_label, values))
    console.print(table)


def _label(value: Any, digits: int = 4) -> str:
    """A value as written in YAML."""
    return "null" if value is None else f"{value:.{digits}g}" if isinstance(value, float) else str(value)


class _Scale(NamedTuple):
    """The positions of values on an axis, from 0 to 1, and the values to label."""

    place: Callable[[Any], float]
    ticks: list[Any]


def draw_trials(best: pd.DataFrame, space: Space, mode: str, path: Path) -> None:
    """Parallel coordinates: a line for each trial through its options to its result, better results further up.

    Args:
        best: the finished trials, best first, with columns trial, the monitored metric and the options.
        space: the options, each an axis.
        mode: min or max, whichever is better for the monitored metric.
        path: the PNG to write.
    """
    monitor = best.columns[1]
    scales = {
        option: _of_choices(of.labels) if isinstance(of, Choices) else _of_range(of) for option, of in space.items()
    }
    scales[monitor] = _of_results(list(best[monitor]), mode)
    lines = np.array([[scale.place(value) for value in best[name]] for name, scale in scales.items()])  # (axes, trials)
    title = f"{len(best)} trials, the darker the better; red is the best, {best['trial'].iloc[0]}"
    better = "lower" if mode == "min" else "higher"
    with mpl.rc_context({"font.family": families(), "text.parse_math": False}):
        figure = Figure(figsize=(1.5 + 1.8 * len(scales), 4.5), layout="constrained")
        axes = figure.subplots()
        _draw_lines(axes, lines)
        for position, scale in enumerate(scales.values()):
            _draw_axis(axes, position, scale)
        _name_axes(axes, list(scales))
        figure.suptitle(f"{title}\n{monitor}: {better} is better", fontsize=10)
        save(figure, path)


def _draw_lines(axes: Axes, lines: np.ndarray) -> None:
    """Better trials on top; shades go by rank, since with values one bad trial would make all others look alike."""
    trials = lines.shape[1]
    shades = mpl.colormaps["Blues"](np.linspace(0.9, 0.3, trials))
    for trial in reversed(range(1, trials)):
        axes.plot(lines[:, trial], color=shades[trial], linewidth=1.2)
    axes.plot(lines[:, 0], color="tab:red", linewidth=2.4)


def _name_axes(axes: Axes, names: Sequence[str]) -> None:
    words = [drawable_text(name, f"option {number}") for number, name in enumerate(names, start=1)]
    axes.set_xticks(range(len(names)), [name.replace(".", ".\n").replace("/", "/\n") for name in words])
    axes.set(xlim=(-0.1, len(names) - 0.5), ylim=(-0.04, 1.04), yticks=[])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _draw_axis(axes: Axes, position: int, scale: _Scale) -> None:
    axes.axvline(position, color="dimgray", linewidth=0.8)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}
    for number, (tick, text) in enumerate(zip(scale.ticks, _distinct(scale.ticks), strict=True), start=1):
        words = drawable_text(text, f"choice {number}")
        shown = words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
        axes.text(position + 0.04, scale.place(tick), shown, va="center", fontsize=9, bbox=box)


def _distinct(ticks: Sequence[Any]) -> list[str]:
    """Labels with as many digits as needed to tell them apart."""
    labels = ([_label(tick, digits) for tick in ticks] for digits in range(4, MOST_DIGITS))
    return next(filter(lambda texts: len(set(texts)) == len(texts), labels), [str(tick) for tick in ticks])


def _of_choices(labels: Sequence[Any]) -> _Scale:
    places = np.linspace(0, 1, len(labels)) if len(labels) > 1 else [0.5]
    return _Scale(lambda value: float(places[labels.index(value)]), list(labels))


def _of_range(of: Range) -> _Scale:
    forward = np.log if of.log else float
    low, high = forward(of.low), forward(of.high)

    def place(value: float) -> float:
        return float((forward(value) - low) / (high - low))

    locator = LogLocator() if of.log else MaxNLocator(4, integer=of.whole)
    between = [tick for tick in locator.tick_values(of.low, of.high) if APART < place(tick) < 1 - APART]
    return _Scale(place, [of.low, *between, of.high])


def _of_results(values: Sequence[float], mode: str) -> _Scale:
    low, high = min(values), max(values)
    if low == high:
        return _Scale(lambda _: 0.5, [low])
    scale = _of_range(Range(low, high, log=False, whole=False))
    return _Scale(lambda value: 1 - scale.place(value), scale.ticks) if mode == "min" else scale


def draw_importances(importances: Mapping[str, float], trials: int, monitor: str, path: Path) -> None:
    """A bar chart of the importance of each option.

    Args:
        importances: each option's share, in descending order; they add up to 1.
        trials: how many finished trials the shares are estimated from.
        monitor: the monitored metric.
        path: the PNG to write.
    """
    names = [drawable_text(name, f"option {number}") for number, name in enumerate(importances, start=1)]
    with mpl.rc_context({"font.family": families(), "text.parse_math": False}):
        figure = Figure(figsize=(7, 1.3 + 0.45 * len(names)), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh(names, list(importances.values()), color="steelblue", height=0.65)
        axes.bar_label(bars, [f"{share:.0%}" for share in importances.values()], padding=4)
        axes.invert_yaxis()
        axes.set(xlim=(0, 1.1 * max(importances.values())), xticks=[])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        title = f"share of the differences in {monitor}\nthat each option explains, from {trials} trials"
        figure.suptitle(title, fontsize=11)
        save(figure, path)
