"""The tables of the effect of several views of a photo."""

from typing import Any

import pandas as pd

from multiskin.compare.statistics import MEAN
from tables.cells import bounded, markdown, origin, seeds_of

METRICS = {"p_recall": "P-Recall", "kappa": "kappa", "rps": "RPS"}

Lines = dict[tuple[str, ...], dict[str, Any]]  # by views, attribute and metric


def view_tables(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per set of views with metrics averaged over heads, then one row per head."""
    lines: Lines = results.set_index(["views", "attribute", "metric"]).to_dict("index")  # type: ignore[assignment]
    names = [str(name) for name in results["views"].unique()]
    heads = [str(name) for name in results.loc[results["metric"] == "p_recall", "attribute"].unique() if name != MEAN]
    caption = f"Validation photos, seeds {seeds_of(source)}; {source['interval']}; {source['timed']}. {origin(source)}"
    return [*mean_table(lines, names, source["times_as_long"]), "", *head_table(lines, names, heads), "", caption]


def mean_table(lines: Lines, names: list[str], times: dict[str, list[float]]) -> list[str]:
    """One row per set of views: each metric with its difference from a single view, and the relative time."""
    once = [cell for metric in METRICS for cell in (f"{lines[names[0], MEAN, metric]['baseline']:.3f}", "")]
    rows = [["single", *once, ""]]
    for name in names:
        cells = [cell for metric in METRICS for cell in _cells(lines[name, MEAN, metric])]
        rows.append([name, *cells, bounded(*times[name])])
    headings = [heading for metric in METRICS.values() for heading in (metric, "minus single")]
    return markdown(["views", *headings, "times as long"], rows)


def head_table(lines: Lines, names: list[str], heads: list[str]) -> list[str]:
    """One row per head: P-Recall for each set of views, with its difference from a single view."""
    rows = []
    for head in heads:
        cells = [cell for name in names for cell in _cells(lines[name, head, "p_recall"])]
        rows.append([head, f"{lines[names[0], head, 'p_recall']['baseline']:.3f}", *cells])
    headings = [heading for name in names for heading in (name, "minus single")]
    return markdown(["P-Recall", "single", *headings], rows)


def _cells(line: dict[str, Any]) -> list[str]:
    """A value and its difference with the interval of the method, or of these models if there is only one seed."""
    kind = "trained" if pd.isna(line["method_low"]) else "method"
    limits = (line[f"{kind}_low"], line[f"{kind}_high"])
    return [f"{line['candidate']:.3f}", bounded(line["difference"], *limits, decimals=3, sign="+")]
