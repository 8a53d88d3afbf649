"""Scores of predictions on graded photos, by head and by group of photos, with intervals."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from multiskin.metrics import functional as of
from multiskin.metrics.bootstrap import Interval, interval, metric_values
from multiskin.reports.graded import GradedPredictions
from multiskin.schema import MISSING, Attribute, Schema

ENOUGH = 20  # graded photos that a group needs to count as the best or the worst one
MOST_GROUPS = 12  # values of a column that are shown, those with the most photos

# The first metric of each kind is the one that a head is judged by.
METRICS: dict[str, dict[str, Callable[[Tensor], Tensor]]] = {
    "ordinal": {"P-Recall": of.p_recall, "kappa": of.quadratic_kappa, "MAE": of.mae},
    "nominal": {"accuracy": of.accuracy, "balanced accuracy": of.macro_recall, "macro F1": of.macro_f1},
}
RECORDED = {"P-Recall": "p_recall", "accuracy": "accuracy"}  # what metrics.json calls these first metrics


def judged_by(schema: Schema) -> list[tuple[str, str]]:
    """The kinds of heads in the schema, each with the metric that they are judged by."""
    return [(kind, next(iter(METRICS[kind]))) for kind in _kinds(schema)]


class Row(NamedTuple):
    """One row of the results: a head, or the mean over the heads above it."""

    title: str
    photos: int | None  # graded for the head; None for a mean
    scores: list[Interval]  # one per metric of the panel
    constant: float  # the best constant answer's score by the first metric
    second: float | None  # a second rater's score by the first metric
    second_photos: int | None  # graded by both raters


class Panel(NamedTuple):
    """The results of all heads of one kind, which have the same metrics."""

    kind: str
    metrics: list[str]
    rows: list[Row]

    @property
    def has_second(self) -> bool:
        return any(row.second is not None for row in self.rows)


def results(predictions: GradedPredictions, second: Mapping[str, Mapping[str, Any]]) -> list[Panel]:
    """The results of ordinal and of nominal heads, each with the mean as the last row if there are several heads.

    Args:
        predictions: the predictions to score.
        second: a second rater's metrics by head, from metrics.json; empty if there is none.
    """
    return [_panel(kind, heads, predictions, second) for kind, heads in _kinds(predictions.schema).items()]


def _kinds(schema: Schema) -> dict[str, list[int]]:
    """The indices of the heads of each kind in the schema."""
    by_kind = {kind: [h for h, head in enumerate(schema) if head.kind == kind] for kind in METRICS}
    return {kind: heads for kind, heads in by_kind.items() if heads}


def _panel(
    kind: str, heads: list[int], predictions: GradedPredictions, second: Mapping[str, Mapping[str, Any]]
) -> Panel:
    metrics = METRICS[kind]
    values = [[metric_values(metric, predictions.confusions[h]) for metric in metrics.values()] for h in heads]
    rows = []
    for h, of_head in zip(heads, values, strict=True):
        attribute, confusion = predictions.schema.attributes[h], predictions.confusions[h][0]
        rater = second.get(attribute.name, {})
        rows.append(
            Row(
                attribute.title(),
                int(confusion.sum()),
                [interval(column) for column in of_head],
                constant(confusion, attribute),
                rater.get(RECORDED[next(iter(metrics))]),
                int(rater["n"]) if rater else None,
            )
        )
    return Panel(kind, list(metrics), rows + ([_mean(rows, np.array(values))] if len(rows) > 1 else []))


def _mean(rows: list[Row], values: np.ndarray) -> Row:
    """The mean over the heads that have a value; values are (H, M, 1 + R) for M metrics and R resamples."""
    graded = [row for row in rows if row.photos]
    seconds = [row.second for row in graded if row.second is not None]
    return Row(
        "mean",
        None,
        [interval(column) for column in _mean_over_heads(values)],
        float(np.mean([row.constant for row in graded])) if graded else np.nan,
        float(np.mean(seconds)) if seconds and len(seconds) == len(graded) else None,
        None,
    )


def _mean_over_heads(values: np.ndarray) -> np.ndarray:
    """The mean over the first axis, (H, ...) to (...), without NaN; NaN where all are."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(total.shape, np.nan), where=known.any(axis=0))


def constant(confusion: Tensor, attribute: Attribute) -> float:
    """The best constant answer's score by the metric that a head is judged by."""
    if attribute.ordinal:
        return of.p_recall_constant(confusion).item()
    return (confusion.sum(1).max() / confusion.sum()).item()


class Group(NamedTuple):
    """The results on the photos that have one value in a column."""

    title: str
    photos: int
    graded: list[int]  # photos graded for each head
    scores: list[Interval]  # each head's score by its first metric


class Extremes(NamedTuple):
    """A head's groups with the highest and the lowest score, among those with enough graded photos."""

    best: str
    worst: str
    gap: float


class Grouping(NamedTuple):
    """The results by the values of one column."""

    column: str
    groups: list[Group]
    extremes: list[Extremes | None]  # for each head; None if fewer than two groups can be compared
    left_out: int  # values that are not shown


def by_group(predictions: GradedPredictions, column: str) -> Grouping:
    """Every head's score for each value of a column, for the values with the most photos, in natural order."""
    values, left_out = group_values(predictions.table[column])
    cells = predictions.table[column].to_numpy()
    groups = [_group(value, predictions.select(cells == value)) for value in values]
    extremes = [_extremes(groups, h) for h in range(len(predictions.schema))]
    return Grouping(column, groups, extremes, left_out)


def group_values(cells: pd.Series) -> tuple[list[str], int]:
    """The most frequent values, sorted with numbers by size, and how many others there are."""
    counts = cells[cells != ""].value_counts()
    values = sorted(counts.index[:MOST_GROUPS], key=_natural)
    return values, len(counts) - len(values)


def _natural(value: str) -> tuple[float, str]:
    number = pd.to_numeric(value, errors="coerce")
    return (np.inf if np.isnan(number) else float(number), value)


def _group(title: str, predictions: GradedPredictions) -> Group:
    first = [next(iter(METRICS[head.kind].values())) for head in predictions.schema]
    scores = [interval(metric_values(m, matrices)) for m, matrices in zip(first, predictions.confusions, strict=True)]
    return Group(title, len(predictions), (predictions.grades != MISSING).sum(axis=0).tolist(), scores)


def _extremes(groups: list[Group], head: int) -> Extremes | None:
    compared = sorted((g for g in groups if g.graded[head] >= ENOUGH), key=lambda group: group.scores[head].value)
    if len(compared) < 2:
        return None
    worst, best = compared[0], compared[-1]
    return Extremes(best.title, worst.title, best.scores[head].value - worst.scores[head].value)
