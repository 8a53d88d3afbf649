"""The tables of scores on test photos."""

from typing import Any

import pandas as pd

from tables.cells import bounded, interval, markdown, origin, seeds_of, spread

HEADINGS = {"p_recall": "P-Recall", "kappa": "kappa", "mae": "MAE"}
MET = "A head counts as calibrated with at most half of its error as trained, or an error within the noise floor."


def heads(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per head: metrics with intervals, the best constant answer and, if known, a second rater."""
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
    """A table of the nominal heads, if there are any."""
    headings = {"balanced_accuracy": "balanced accuracy", "accuracy": "accuracy"}
    nominal_rows = results[results["metric"].isin(headings)]
    if nominal_rows.empty:
        return []
    rows = nominal_rows.set_index(["attribute", "metric"])
    names = nominal_rows["attribute"].unique()
    lines = [[name, *(interval(rows.loc[(name, metric)]) for metric in headings)] for name in names]
    return ["", *markdown(["classes", *headings.values()], lines)]


def tones(_: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per tone: P-Recall averaged over heads."""
    sizes = ["photos", "subjects"]
    lines = [[row["tone"], *map(str, row[sizes]), interval(row)] for _, row in results.iterrows()]
    return markdown(["tone", *sizes, "mean P-Recall"], lines)


def trivial_models(_: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per kind of feature: test P-Recall of each head and their mean."""
    wide = results.pivot(index="features", columns="attribute", values="test")[results["attribute"].unique()]
    lines = [[str(name), *(f"{value:.2f}" for value in row)] for name, row in wide.iterrows()]
    return markdown(["model on", *wide.columns], lines)


def coverage(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per head: coverage and size of the sets that users get, and coverage of randomised ones."""
    rows, targets = results.set_index(["attribute", "sets", "coverage"]), results["coverage"].unique()
    lines = [
        [name, *(cell for coverage in targets for cell in _coverage_cells(rows.loc[name], coverage))]
        for name in results["attribute"].unique()
    ]
    headings = (
        heading
        for coverage in targets
        for heading in (f"target {coverage:g}: coverage, grades per set", "randomised: coverage")
    )
    caption = f"Sets that include the decided grade, as users get them, and randomised sets. {source['draws']}"
    subjects = f"{spread(results['subjects'].min(), results['subjects'].max())} subjects per head"
    inside = results.loc[results["sets"] == "given", "inside"].min()
    caption += f"; {subjects}. For each head, {inside:.0%} or more of the draws lie inside the 95 % interval of the "
    caption += "beta-binomial distribution"
    return [*markdown(["attribute", *headings], lines), "", f"{caption}. {origin(source)}"]


def _coverage_cells(rows: pd.DataFrame, coverage: float) -> tuple[str, str]:
    """One head: the sets that users get, and randomised ones, which have the target coverage in expectation."""
    given, randomised = (rows.loc[sets].loc[coverage] for sets in ("given", "randomised"))
    return f"{given['covered']:.3f}, {given['grades']:.1f}", f"{randomised['covered']:.3f}"


def systems(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per system and one for their difference: balanced accuracy, its interval and its sd over seeds."""
    lines = []
    for _, row in results.iterrows():
        sign = "+" if row["system"] == "difference" else ""
        cells = (bounded(row["mean"], row["low"], row["high"], decimals=3, sign=sign), f"{row['sd_over_seeds']:.3f}")
        lines.append([row["system"], *cells])
    table = markdown(["", "balanced accuracy", "sd over seeds"], lines)
    return [*table, "", f"Seeds {seeds_of(source)}; {source['interval']}. {origin(source)}"]


def calibration(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per head: calibration error as trained and after each method, averaged over runs."""
    means = results.groupby(["attribute", "method"], sort=False)[["error", "floor_high"]].mean()
    methods = list(results["method"].unique())
    lines = []
    for name in results["attribute"].unique():
        errors = [f"{means.loc[(name, method), 'error']:.3f}" for method in methods]
        lines.append([name, *errors, f"{means.loc[(name, methods[-1]), 'floor_high']:.3f}"])
    table = markdown(["attribute", *map(_title, methods), "noise floor"], lines)
    captions = [
        f"Means of {results['run'].nunique()} runs.",
        _calibrated_caption(results),
        *_refits_caption(results),
        _gain_caption(source["gains"]),
    ]
    return [*table, "", f"{' '.join(captions)} {origin(source)}"]


def _gain_caption(gains: dict[str, list[float]]) -> str:
    """The effect of calibration on photos that it was not fitted to; validation photos, since choices depend on it."""
    recall, rps = (bounded(*gains[metric], decimals=4, sign="+") for metric in ("p_recall", "rps"))
    return (
        "On validation photos, with each half of the subjects calibrated on the other, cumulative changes the mean "
        f"P-Recall by {recall} and RPS by {rps}; 95 %, of the method."
    )


def _refits_caption(results: pd.DataFrame) -> list[str]:
    """How many heads would not be calibrated well enough for want of photos alone; nothing if that is not known."""
    if "refit_missed" not in results:
        return []
    refitted = results.dropna(subset="refit_missed")
    missed, within = refitted["refit_missed"].sum(), (refitted["error"] <= refitted["refit_high"]).sum()
    return [
        f"If cumulative had exactly the right form, fits to as few photos would leave out {missed:.1f}; "
        f"{within} of its errors are below the limit that 97.5 of 100 such fits stay below."
    ]


def _calibrated_caption(results: pd.DataFrame) -> str:
    """For each method, the number of heads over all runs that it calibrates well enough."""
    heads, runs = results["attribute"].nunique(), results["run"].nunique()
    counts = results.groupby("method", sort=False)["met"].sum()
    each = ", ".join(f"{_title(str(method))} {count}" for method, count in counts.items())
    return f"{MET} Calibrated of {heads * runs} heads ({heads} in each of {runs} runs): {each}."


def calibration_photos(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per number of persons: scores averaged over attributes."""
    titles = ["persons", "photos with a grade, by attribute", "calibration error", "heads calibrated", "RPS"]
    lines = []
    for persons, rows in results.groupby("persons", sort=False):
        fewest, most = rows["photos"].min(), rows["photos"].max()
        error, met, rps = rows[["error", "met", "rps"]].mean()
        lines.append([f"{persons}", f"{fewest:.0f} to {most:.0f}", f"{error:.3f}", f"{met:.0%}", f"{rps:.4f}"])
    groups = ", ".join(f"{number} of {persons}" for persons, number in source["groups"].items())
    heads = results["attribute"].nunique()
    caption = f"Means over {heads} attributes, {source['runs']} runs and groups of persons ({groups})."
    return [*markdown(titles, lines), "", f"{caption} {MET} {origin(source)}"]


def shares(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """One row per population and choice of shares: scores of the mean over attributes."""
    titles = ["photos from the", "shares", "calibration error", "within noise floor", "log loss", "RPS"]
    titles.append("RPS better than with those of the photos")
    lines = [
        [
            f"{row['population']} population",
            row["shares"],
            f"{row['error']:.4f}",
            f"{row['within']:.0%}",
            f"{row['log_loss']:.4f}",
            f"{row['rps']:.4f}",
            f"{row['better']:.0%}" if row["shares"] != "of the photos" else "",
        ]
        for _, row in results[results["attribute"] == "mean"].iterrows()
    ]
    caption = f"Means over {results['attribute'].nunique() - 1} attributes and {source['divisions']} divisions."
    return [*markdown(titles, lines), "", f"{caption} {origin(source)}"]


def _title(method: str) -> str:
    return "as trained" if method == "none" else method.replace("_", " ")
