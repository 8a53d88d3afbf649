"""A comparison's results for each head by its main metric: one line of the table and the charts for each."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from multiskin.compare import words
from multiskin.compare.comparison import Comparison
from multiskin.compare.statistics import MEAN
from multiskin.compare.words import DECIMALS
from multiskin.metrics.bootstrap import Interval
from multiskin.reports.formats import ABSENT, count, signed
from multiskin.schema import Attribute

METRICS = {
    "p_recall": "P-Recall",
    "kappa": "kappa",
    "mae": "MAE",
    "macro_mae": "macro MAE",
    "accuracy": "accuracy",
    "rps": "RPS",
    "balanced_accuracy": "balanced accuracy",
}
JUDGED_BY = {"ordinal": "p_recall", "nominal": "balanced_accuracy"}


class Line(NamedTuple):
    """The results for one head, or for the mean of the ordinal heads.

    Attributes:
        title: the attribute's name in English.
        translations: its names in other languages.
        metric: the title of its main metric.
        found: its row of the comparison's results, with their columns as attributes.
        by_seed: the scores of candidate and baseline, one row per seed.
        constant: the score of the best constant answer; None if it is not known.
        second: the score of a second rater; None if there is none.
        second_photos: how many photos both raters graded; None if not known.
    """

    title: str
    translations: list[str]
    metric: str
    found: Any
    by_seed: pd.DataFrame
    constant: float | None
    second: float | None
    second_photos: int | None

    @property
    def is_mean(self) -> bool:
        return bool(self.found.attribute == MEAN)

    @property
    def is_useless(self) -> bool:
        """Whether the best constant answer scores at least as high as both sides."""
        return self.constant is not None and max(self.found.candidate, self.found.baseline) <= self.constant


def rows(table: pd.DataFrame) -> list[Any]:
    """The rows of a table, each with the columns as attributes."""
    return list(table.itertuples(index=False))


def judging_interval(found: Any) -> Interval:
    """The difference with the interval of its verdict: the method's, or with one seed that of these trained models."""
    if found.seeds > 1:
        return Interval(found.difference, found.method_low, found.method_high)
    return Interval(found.difference, found.trained_low, found.trained_high)


def direction_shown(found: Any) -> str:
    """Whether the interval shows the candidate to be "better" or "worse"; "" if it includes 0 or does not exist."""
    interval = judging_interval(found)
    told = "" if np.isnan(interval.low) else words.interval_verdict(interval, found.higher_is_better)
    return told if told in ("better", "worse") else ""


def shown_summary(results: pd.DataFrame, titles: Mapping[str, str] = MappingProxyType({})) -> str:
    """One sentence on the heads whose interval shows the candidate to be worse or better, and by which metrics.

    Args:
        results: rows for any attributes and metrics.
        titles: the attributes' titles, where these are not their names.
    """
    by_side = {side: _with_metrics(rows_shown(results, side), titles) for side in ("worse", "better")}
    told = " ".join(f"Shown {side}: {heads}." for side, heads in by_side.items())
    of = "the method" if results["seeds"].max() > 1 else "these trained models"
    number = results["metric"].nunique()
    each = "each " * (number > 1)
    return f"{told} (By {number} {words.plural(number, 'metric')}, {each}with its own 95 % interval of {of}.)"


def rows_shown(results: pd.DataFrame, side: str) -> pd.DataFrame:
    """The rows that show the candidate to be better, or worse."""
    return results[[direction_shown(found) == side for found in rows(results)]]


def _with_metrics(results: pd.DataFrame, titles: Mapping[str, str]) -> str:
    by_head = results.groupby("attribute", sort=False)["metric"]
    return ", ".join(f"{titles.get(str(name), name)} ({', '.join(of.map(METRICS))})" for name, of in by_head) or "none"


def results_of(comparison: Comparison, lines: Sequence[Line]) -> pd.DataFrame:
    """The results by all metrics, of the attributes that have a line; the mean has none if it is of one head only."""
    results = comparison.results
    return results[results["attribute"].isin([line.found.attribute for line in lines])]


def titles_of(comparison: Comparison) -> dict[str, str]:
    return {MEAN: MEAN} | {attribute.name: attribute.title() for attribute in comparison.schema}


def gains(results: pd.DataFrame) -> list[tuple[str, float]]:
    """The title of each metric and its multi-task gain in percent; empty if there is no mean."""
    return [(METRICS[row.metric], row.gain_percent) for row in rows(results[results["attribute"] == MEAN])]


def without_seed_spread(found: Any) -> bool:
    """Whether the method's interval equals that of these trained models, since no spread over seeds was detected."""
    trained, method = ((found.trained_low, found.trained_high), (found.method_low, found.method_high))
    return bool(found.seeds > 1 and trained == method)


def limits(low: float, high: float, decimals: int = DECIMALS) -> str:
    """An interval's limits, rounded outwards; a dash if there are none."""
    return ABSENT if np.isnan(low) else words.limits(low, high, decimals).replace("-", "−")


def difference(interval: Interval) -> str:
    """The value with its sign; with more digits if its interval excludes 0 and it would be rounded to 0."""
    decimals = DECIMALS
    while (interval.low > 0 or interval.high < 0) and not round(interval.value, decimals):
        decimals += 1
    return signed(interval.value, decimals)


def subjects_phrase(found: Any) -> str:
    """What follows the number of photos in a sentence: of how many subjects they are."""
    return words.of_subjects(found.subjects, found.units - found.subjects, count)


def lines_of(comparison: Comparison) -> list[Line]:
    """A line for each head, and one for the mean over ordinal heads with graded photos, if there are at least two."""
    lines = [_head(comparison, attribute) for attribute in comparison.schema]
    averaged = [
        attribute.name
        for attribute, line in zip(comparison.schema, lines, strict=True)
        if attribute.ordinal and line.found.photos
    ]
    return [*lines, _mean(comparison, averaged)] if len(averaged) > 1 else lines


def largest(lines: Sequence[Line]) -> Any:
    """The row of the results with the most subjects or photos."""
    return max((line.found for line in lines), key=lambda found: found.units)


def headlines(lines: Sequence[Line]) -> list[Line]:
    """The lines at the top of the page: the mean over ordinal heads, and then every line that it does not cover."""
    mean = [line for line in lines if line.is_mean]
    return mean + [line for line in lines if not mean or line.metric != mean[0].metric]


def _head(comparison: Comparison, attribute: Attribute) -> Line:
    metric, title = JUDGED_BY[attribute.kind], attribute.title()
    second = comparison.second_rater.get(attribute.name, {})
    return Line(
        title=title,
        translations=[words for words in dict.fromkeys(attribute.display.values()) if words != title],
        metric=METRICS[metric],
        found=_found(comparison, attribute.name, metric),
        by_seed=_by_seed(comparison, [attribute.name], metric),
        constant=comparison.constant.get(attribute.name, {}).get(metric),
        second=second.get(metric),
        second_photos=int(second["n"]) if "n" in second else None,
    )


def _mean(comparison: Comparison, heads: Sequence[str]) -> Line:
    metric = JUDGED_BY["ordinal"]
    return Line(
        title=MEAN,
        translations=[],
        metric=METRICS[metric],
        found=_found(comparison, MEAN, metric),
        by_seed=_by_seed(comparison, heads, metric),
        constant=_mean_over(heads, comparison.constant, metric),
        second=_mean_over(heads, comparison.second_rater, metric),
        second_photos=None,
    )


def _found(comparison: Comparison, attribute: str, metric: str) -> Any:
    of = comparison.results
    return rows(of[(of["attribute"] == attribute) & (of["metric"] == metric)])[0]


def _by_seed(comparison: Comparison, heads: Sequence[str], metric: str) -> pd.DataFrame:
    of = comparison.by_seed
    chosen = of[of["attribute"].isin(list(heads)) & (of["metric"] == metric)]
    return chosen.groupby("seed", sort=False)[["candidate", "baseline"]].mean()


def _mean_over(heads: Sequence[str], values: Mapping[str, Mapping[str, float]], metric: str) -> float | None:
    """None unless every head has a value."""
    known = [value for head in heads if (value := values.get(head, {}).get(metric)) is not None]
    return float(np.mean(known)) if len(known) == len(heads) else None
