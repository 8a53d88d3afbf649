"""The tables of recipes with which the whole network was trained."""

from typing import Any

import pandas as pd

from multiskin.compare.statistics import MEAN
from tables.cells import bounded, markdown, origin, seeds_of

METRICS = {"p_recall": "P-Recall", "kappa": "kappa", "rps": "RPS"}


def losses(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """A line a loss, with what it gains on cross entropy, under a line of cross entropy itself."""
    return [*_table("loss", "cross entropy", results), "", _told(source)]


def steps(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """A line a step, with what it gains on the one before."""
    return [*_table("step", "cross entropy, plain sampling, the likeliest grade", results), "", _told(source)]


def _table(what: str, first: str, results: pd.DataFrame) -> list[str]:
    means = results[results["attribute"] == MEAN].set_index(["title", "side", "metric"])
    titles = list(means.index.unique("title"))
    headings = [what, "P-Recall on validation", "gained", *(f"{name} on test" for name in METRICS.values()), "gained"]
    begin = _line(first, means.loc[titles[0]], "baseline")
    return markdown(
        headings, [begin, *(_line(title.replace("_", " "), means.loc[title], "candidate") for title in titles)]
    )


def _line(title: str, of_title: pd.DataFrame, side: str) -> list[str]:
    """The values of one side of a comparison; the candidate's with how far P-Recall is from the baseline's."""
    gains = [_gain(of_title.loc[photos, "p_recall"]) if side == "candidate" else "" for photos in ("val", "test")]
    on_test = [f"{of_title.loc[('test', metric), side]:.3f}" for metric in METRICS]
    return [title, f"{of_title.loc[('val', 'p_recall'), side]:.3f}", gains[0], *on_test, gains[1]]


def _gain(row: pd.Series) -> str:
    return bounded(row["difference"], row["method_low"], row["method_high"], decimals=3, sign="+")


def _told(source: dict[str, Any]) -> str:
    return f"Means over attributes, seeds {seeds_of(source)}. {source['interval']}. {origin(source)}"
