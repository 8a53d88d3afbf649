"""Tables of what a recipe's models get on test photos."""

from typing import Any

import pandas as pd

from tables.cells import bounded, interval, markdown, origin, seeds_of

HEADINGS = {"p_recall": "P-Recall", "kappa": "kappa", "mae": "MAE"}


def heads(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """A line a head: metrics with their intervals, beside the best constant answer and, where known, a second rater."""
    references = {"constant_answer": "P-Recall of the best constant answer", "second_rater": "of a second rater"}
    known = {
        column: heading for column, heading in references.items() if results.get(column, pd.Series()).notna().any()
    }
    rows = results.set_index(["attribute", "metric"])
    lines = []
    for name in results.loc[results["metric"] == "p_recall", "attribute"]:
        cells = [interval(rows.loc[(name, metric)]) for metric in HEADINGS]
        lines.append([name, *cells, *(f"{rows.loc[(name, 'p_recall'), column]:.2f}" for column in known)])
    table = [*markdown(["attribute", *HEADINGS.values(), *known.values()], lines), *_classes(results)]
    return [*table, "", f"Seeds {seeds_of(source)}; {source['interval']}. {origin(source)}"]


def _classes(results: pd.DataFrame) -> list[str]:
    """A table of the heads whose classes have no order, if there are any."""
    headings = {"balanced_accuracy": "balanced accuracy", "accuracy": "accuracy"}
    of_classes = results[results["metric"].isin(headings)]
    if of_classes.empty:
        return []
    rows = of_classes.set_index(["attribute", "metric"])
    names = of_classes["attribute"].unique()
    lines = [[name, *(interval(rows.loc[(name, metric)]) for metric in headings)] for name in names]
    return ["", *markdown(["classes", *headings.values()], lines)]


def tones(_: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """A line a tone: P-Recall averaged over heads."""
    sizes = ["photos", "subjects"]
    lines = [[row["tone"], *map(str, row[sizes]), interval(row)] for _, row in results.iterrows()]
    return markdown(["tone", *sizes, "mean P-Recall"], lines)


def trivial_models(_: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """A line a kind of feature: test P-Recall of every head and of their mean."""
    wide = results.pivot(index="features", columns="attribute", values="test")[results["attribute"].unique()]
    lines = [[str(name), *(f"{value:.2f}" for value in row)] for name, row in wide.iterrows()]
    return markdown(["model on", *wide.columns], lines)


def coverage(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """A line a head: how often its sets held the true grade, and how many grades they had."""
    shown, lines = results[results["sets"] == "deterministic"], []
    for name in shown["attribute"].unique():
        rows = shown[shown["attribute"] == name]
        lines.append([name, *(f"{row['covered']:.3f}, {row['grades']:.1f}" for _, row in rows.iterrows())])
    asked = shown["coverage"].unique()
    table = markdown(["attribute", *(f"{coverage:g} asked: held, grades a set" for coverage in asked)], lines)
    return [*table, "", f"{source['draws']}; {shown['subjects'].max()} subjects. {origin(source)}"]


def systems(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """A line a system and one for their difference: balanced accuracy with its interval, and its spread over seeds."""
    lines = []
    for _, row in results.iterrows():
        sign = "+" if row["system"] == "difference" else ""
        cells = (bounded(row["mean"], row["low"], row["high"], decimals=3, sign=sign), f"{row['sd_over_seeds']:.3f}")
        lines.append([row["system"], *cells])
    table = markdown(["", "balanced accuracy", "sd over seeds"], lines)
    return [
        *table,
        "",
        f"Seeds {', '.join(map(str, sorted(set(source['seeds']))))}; {source['interval']}. {origin(source)}",
    ]


def calibration(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """A line a head: its calibration error as it was trained and after each method, a mean over runs."""
    means = results.groupby(["attribute", "method"], sort=False)[["error", "floor_high"]].mean()
    methods = list(results["method"].unique())
    lines = []
    for name in results["attribute"].unique():
        errors = [f"{means.loc[(name, method), 'error']:.3f}" for method in methods]
        lines.append([name, *errors, f"{means.loc[(name, methods[-1]), 'floor_high']:.3f}"])
    headings = ["as trained", *(method.replace("_", " ") for method in methods[1:]), "noise floor"]
    table = markdown(["attribute", *headings], lines)
    return [*table, "", f"Means of {results['run'].nunique()} runs. {origin(source)}"]
