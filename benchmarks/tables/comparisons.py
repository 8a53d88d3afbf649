"""The tables of `multiskin compare`, of `multiskin study`, and of the coverage of their intervals."""

from typing import Any

import pandas as pd

from multiskin.compare.words import limits
from multiskin.reports.comparison_lines import gains, judging_interval, shown_summary, without_seed_spread
from multiskin.reports.formats import amount
from tables.cells import bounded, markdown, seeds_of

SIZES = ("parameters", "training")
MIN_SHARE = 0.05  # minimum share of simulations; with fewer, coverage is too uncertain to report


def comparison(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """A comparison: the differences of all heads, the multi-task gain and the costs."""
    caption = " ".join(filter(None, [shown_summary(results), gain_caption(results), undetected_seeds_caption(results)]))
    return [*head_table(results), "", caption, "", *cost_table(source["cost"]), "", origin_caption(source)]


def study(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """A study: P-Recall of all heads for each variant of a setting."""
    details = f"By grade, and with costs: [{source['title'].lower()}](benchmarks/results/{source['name']}.md)."
    lines = variant_table(results, source["baseline"], variant_sizes(source.get("costs", [])))
    return [*lines, "", f"{origin_caption(source)} Intervals: 95 %, {interval_kind(source)}. {details}"]


def coverage(source: dict[str, Any], results: pd.DataFrame) -> list[str]:
    """The coverage of the intervals in simulated comparisons."""
    captions = [
        seed_variance_caption(results),
        gaussian_caption(results),
        undetected_coverage_caption(results),
        missing_intervals_caption(results),
        f"`{source['command']}`.",
    ]
    return [*coverage_table(results), "", " ".join(captions)]


def head_table(results: pd.DataFrame) -> list[str]:
    """One row per head: P-Recall of both sides, and both intervals of their difference."""
    lines = []
    for _, row in judged_rows(results).iterrows():
        difference = bounded(row["difference"], row["method_low"], row["method_high"], decimals=3, sign="+")
        values = (f"{row[side]:.3f}" for side in ("baseline", "candidate"))
        trained_cells = limits(row["trained_low"], row["trained_high"]), f"{row['detectable']:.3f}"
        lines.append([row["attribute"], *values, difference, row["verdict"], *trained_cells])
    headings = ["attribute", "single models", "shared model", "difference (the method)", "verdict"]
    return markdown([*headings, "these trained models", "smallest detectable between these"], lines)


def undetected_seeds_caption(results: pd.DataFrame) -> str:
    """The heads for which the method's interval includes no variation over seeds."""
    alone = [str(row.attribute) for row in judged_rows(results).itertuples() if without_seed_spread(row)]
    caption = "Heads without detected variation over seeds, for which the method's interval is that of these models"
    return f"{caption}: {', '.join(alone)}." * bool(alone)


def gain_caption(results: pd.DataFrame) -> str:
    """The multi-task gain by metric, without metrics whose gain is undefined because the score is not above 0."""
    listed = ", ".join(f"{title} {gain:+.1f} %" for title, gain in gains(results) if not pd.isna(gain))
    return f"Multi-task gain, the mean over heads of the gain relative to single models: {listed}." * bool(listed)


def cost_table(costs: list[dict]) -> list[str]:
    """One row per quantity: the cost of the single models relative to the shared one."""
    lines = []
    for cost in costs:
        ratio, low, high = (cost[key] for key in ("ratio", "low", "high"))
        quantity = f"{cost['quantity']}{', ' * bool(cost['device'])}{cost['device']}"
        lines.append([quantity, f"{ratio:.2f}" if low is None else bounded(ratio, low, high)])
    return markdown(["cost", "single models / shared model"], lines)


def variant_table(results: pd.DataFrame, baseline: str, sizes: dict[str, list[str]]) -> list[str]:
    """One row per variant: size, P-Recall of each head and their mean, and its difference from the baseline."""
    lines = []
    for name, variant in judged_rows(results).groupby("row", sort=False):
        mean = variant[variant["attribute"] == "mean"].iloc[0]
        bounds = bounded(*judging_interval(mean), decimals=3, sign="+")
        values = (f"{value:.3f}" for value in variant["candidate"])
        lines.append([str(name), *sizes.get(str(name), []), *values, "" if name == baseline else bounds])
    attributes = judged_rows(results)["attribute"].unique()
    return markdown(["", *(SIZES if sizes else ()), *attributes, f"mean minus {baseline}"], lines)


def variant_sizes(costs: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The parameters and training time of each variant; {} if all have the same number of parameters."""
    if len({cost["parameters"] for cost in costs}) < 2:
        return {}
    return {cost["row"]: [amount(cost["parameters"], ""), amount(cost["seconds"], "s")] for cost in costs}


def interval_kind(source: dict[str, Any]) -> str:
    """Whether the intervals of a study are those of the method or of these trained models."""
    return "of the method" if len(source["seeds"]) > 1 else "of these trained models"


def judged_rows(results: pd.DataFrame) -> pd.DataFrame:
    """The rows of the metric that ordinal attributes are judged by."""
    return results[results["metric"] == "p_recall"]


def origin_caption(source: dict[str, Any]) -> str:
    """The origin of the numbers of a comparison or study."""
    photos = "Test photos" if source["side"] == "test" else "Validation photos"
    many = len(source["seeds"]) > 1
    seeds = f"seeds {seeds_of(source)}" if many else f"seed {seeds_of(source)} only, so exploratory"
    return f"{photos}, {seeds}; `python -m {source['command']}`, {source['machine']}."


def coverage_table(results: pd.DataFrame) -> list[str]:
    """One row per number of seeds and seed variance: the coverage of both intervals."""
    graded = results[results["model"] == "graded"]
    lines = []
    for (seeds, variance), group in graded.groupby(["seeds", "seed_variance"]):
        cells = []
        for interval_of in ("trained", "method"):
            percent = 100 * group.loc[group["interval"] == interval_of, "coverage"]
            cells.append(f"{percent.median():.1f} ({percent.min():.1f} to {percent.max():.1f})")
        lines.append([str(seeds), f"{variance:g}", *cells])
    return markdown(["seeds", "seed variance", "these trained models", "the method"], lines)


def seed_variance_caption(results: pd.DataFrame) -> str:
    """The actual seed variances of the mean over attributes, since they are set for one metric."""
    mean_rows = results[(results["model"] == "graded") & (results["attribute"] == "mean")]
    variances = []
    for ratio in sorted(set(mean_rows["seed_variance"]) - {0}):
        found = mean_rows.loc[mean_rows["seed_variance"] == ratio, "seed_variance_found"]
        variances.append(f"at {ratio:g}, {found.min():.1f} to {found.max():.1f}")
    return f"Seed variances are set for P-Recall of the first attribute; those of the mean are: {'; '.join(variances)}."


def gaussian_caption(results: pd.DataFrame) -> str:
    """The coverage of the method's interval for normally distributed differences: with more than two seeds, and two."""
    normal = results[(results["model"] == "gaussian") & (results["interval"] == "method")]
    two, more = (100 * normal.loc[many, "coverage"] for many in (normal["seeds"] == 2, normal["seeds"] > 2))
    return (
        f"With normally distributed differences instead, the method's interval contains the true difference "
        f"{more.min():.1f} to {more.max():.1f} times in 100; with two seeds, {two.min():.0f} at worst."
    )


def undetected_coverage_caption(results: pd.DataFrame) -> str:
    """The coverage of the method's interval where existing variation over seeds was not detected."""
    differing = results[(results["interval"] == "method") & (results["seeds"] > 2) & (results["seed_variance"] > 0)]
    frequent = differing[differing["without_seeds"] >= MIN_SHARE]
    covered, share = 100 * frequent["coverage_without_seeds"], 100 * differing["without_seeds"].max()
    return (
        f"Where variation over seeds is undetected, which happens up to {share:.0f} times in 100, it contains the true "
        f"difference {covered.median():.0f} times in 100 ({covered.min():.0f} to {covered.max():.0f})."
    )


def missing_intervals_caption(results: pd.DataFrame) -> str:
    """The share of simulations without an interval."""
    most = results.sort_values("unknown").iloc[-1]
    return (
        "Simulations without an interval, because a grade did not occur, are left out: "
        f"{most['unknown']:.1%} at most, with {int(most['units'])} subjects."
    )
