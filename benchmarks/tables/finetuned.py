"""The tables of losses and steps with all weights trained."""

from typing import Any

import pandas as pd

from multiskin.compare.statistics import MEAN
from tables.cells import bounded, markdown, origin, seeds_of

METRICS = {"p_recall": "P-Recall", "kappa": "kappa", "rps": "RPS"}
KEY = ["title", "side", "metric"]

Lines = dict[tuple[str, ...], dict[str, float]]  # by the columns of KEY


def losses(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row for cross entropy, then one per loss with its gain over cross entropy."""
    return [*_table("loss", "cross entropy", results), "", _caption(source)]


def steps(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per step, with its gain over the previous one."""
    return [*_table("step", "cross entropy, plain sampling, most probable grade", results), "", _caption(source)]


def _table(what: str, first: str, results: pd.DataFrame) -> list[str]:
    means = results[results["attribute"] == MEAN]
    lines: Lines = means.set_index(KEY).to_dict("index")  # type: ignore[assignment]
    titles = [str(title) for title in means["title"].unique()]
    on_test = [f"{name} on test" for name in METRICS.values()]
    headings = [what, "P-Recall on validation", "gain", "RPS (lower is better)", *on_test, "P-Recall gain"]
    on_val, *others = _values(lines, titles[0], "baseline")
    return markdown(headings, [[first, on_val, "", "", *others, ""], *(_line(lines, title) for title in titles)])


def _line(lines: Lines, title: str) -> list[str]:
    """One row: the metrics of validation and then test photos, each with the gain over the baseline of the row."""
    on_val, *on_test = _values(lines, title, "candidate")
    keys = (("val", "p_recall"), ("val", "rps"), ("test", "p_recall"))
    *gains, test_gain = (_gain(lines[title, side, metric]) for side, metric in keys)
    return [title.replace("_", " "), on_val, *gains, *on_test, test_gain]


def _values(lines: Lines, title: str, side: str) -> list[str]:
    """P-Recall of validation photos, then all metrics of test photos."""
    keys = [("val", "p_recall"), *(("test", metric) for metric in METRICS)]
    return [f"{lines[title, photos, metric][side]:.3f}" for photos, metric in keys]


def _gain(row: dict[str, float]) -> str:
    """The gain with its interval; "" where there can be none, such as in RPS from another decision rule."""
    if row["difference"] == row["method_low"] == row["method_high"] == 0:
        return ""
    return bounded(row["difference"], row["method_low"], row["method_high"], decimals=3, sign="+")


def _caption(source: dict[str, Any]) -> str:
    return f"Means over attributes, seeds {seeds_of(source)}. {source['interval']}. {origin(source)}"
