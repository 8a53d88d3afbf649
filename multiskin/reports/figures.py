"""The PNG figures of a run: confusion matrices and learning curves."""

from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from multiskin.metrics.ordinal import HIGHER_IS_BETTER
from multiskin.reports.fonts import drawable, families
from multiskin.run import atomic_path
from multiskin.schema import Attribute, Schema

MOST_COLUMNS = 3  # panels side by side
TITLE_WIDTH = 32  # characters on a line


def draw_confusions(confusion: np.ndarray, schema: Schema, path: Path) -> None:
    """Every head's confusion matrix in one figure: colours are shares of the true grade, numbers are photos.

    Args:
        confusion: (H, Kmax, Kmax) counts, true grade in rows.
        schema: the H heads.
        path: the PNG to write.
    """
    rows = -(-len(schema) // MOST_COLUMNS)
    columns = -(-len(schema) // rows)
    side = 1.4 + 0.45 * max(schema.max_grades, 5)  # inches, so that four digits fit into a cell
    with mpl.rc_context({"font.family": families(), "text.parse_math": False}):
        figure = Figure(figsize=(side * columns + 0.8, side * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for h, (attribute, axes) in enumerate(zip(schema, grid.flat, strict=False)):
            counts = confusion[h, : attribute.grades, : attribute.grades]
            image = _draw_confusion(axes, counts, attribute, drawable_text(attribute.title(), f"attribute {h + 1}"))
        for spare in grid.flat[len(schema) :]:
            spare.set_axis_off()
        _draw_scale(figure, image, grid)
        save(figure, path)


def _draw_confusion(axes: Axes, counts: np.ndarray, attribute: Attribute, title: str) -> AxesImage:
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (true, predicted), count in np.ndenumerate(counts):
        colour = "white" if shares[true, predicted] > 0.5 else "black" if count else "silver"
        axes.text(predicted, true, str(count), ha="center", va="center", color=colour, fontsize=9)
    grades = range(attribute.grades)
    labels = [drawable_text(attribute.grade_label(grade), str(grade)) for grade in grades]
    axes.set_xticks(grades, labels)
    axes.set_yticks(grades, labels)
    if max(map(len, labels)) > 2:
        axes.tick_params("x", rotation=45)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_color("silver")
    axes.set_title(f"{fill(title, TITLE_WIDTH)}\n{counts.sum()} photos", fontsize=11)
    axes.set(xlabel="predicted", ylabel="true")
    return image


def _draw_scale(figure: Figure, image: AxesImage, grid: np.ndarray) -> None:
    bar = figure.colorbar(image, ax=grid, shrink=0.8, aspect=30, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=9, color="silver")
    bar.set_label("share of the true grade", fontsize=9)


def draw_curves(curves: pd.DataFrame, schema: Schema, monitor: str, path: Path) -> None:
    """The losses by epoch and, for every head, the monitored metric.

    Args:
        curves: the run's logs/metrics.csv, one column for each logged quantity.
        schema: the heads.
        monitor: val/loss, val/HEAD/METRIC or val/mean/METRIC; for val/loss, the heads' training losses are drawn.
        path: the PNG to write.
    """
    by_epoch = curves.groupby("epoch").last()
    metric = monitor.rsplit("/", 1)[-1]
    better = "higher" if HIGHER_IS_BETTER.get(metric) else "lower"
    side, title = (
        ("train", "training loss") if metric == "loss" else ("val", f"validation {metric}, {better} is better")
    )
    with mpl.rc_context({"font.family": families(), "text.parse_math": False}):
        figure = Figure(figsize=(11, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        for key in ("train/loss", "val/loss"):
            _draw_curve(left, by_epoch, key, key.split("/")[0])
        for h, attribute in enumerate(schema):
            label = drawable_text(attribute.title(), f"attribute {h + 1}")
            _draw_curve(right, by_epoch, f"{side}/{attribute.name}/{metric}", label)
        _draw_curve(right, by_epoch, f"{side}/mean/{metric}", "mean", color="black", linewidth=2.2)
        left.set_title("loss", fontsize=11)
        right.set_title(title, fontsize=11)
        for axes in (left, right):
            _finish(axes, int(by_epoch.index.max()) + 1)
        save(figure, path)


def _draw_curve(axes: Axes, by_epoch: pd.DataFrame, key: str, label: str, **style: Any) -> None:
    if key in by_epoch:
        values = by_epoch[key].dropna()
        axes.plot(values.index + 1, values, marker=".", label=label, **style)


def _finish(axes: Axes, epochs: int) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel="epoch", xlim=(0.5, epochs + 0.5))
    axes.grid(color="gainsboro", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("silver")
    axes.legend(frameon=False)


def drawable_text(text: str, fallback: str) -> str:
    return text if drawable(text) else fallback


def save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with atomic_path(path) as part:
        figure.savefig(part, dpi=120, format="png")
