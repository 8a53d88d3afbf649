"""The files that a comparison writes: its page, its charts, and its numbers for other programs."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from multiskin.compare.comparison import Comparison
from multiskin.compare.cost import LATENCY, PARAMETERS, PASSES
from multiskin.compare.statistics import RESAMPLES
from multiskin.compare.words import DISTILLED, FLATTERED, UNDETECTED_SEEDS, caveat, plural
from multiskin.disclosure import as_yaml, without_paths
from multiskin.metrics.ordinal import HIGHER_IS_BETTER
from multiskin.reports.comparison_charts import ON_NO_DEVICE, draw_costs, draw_differences, draw_levels
from multiskin.reports.comparison_lines import (
    JUDGED_BY,
    METRICS,
    Line,
    difference,
    direction_shown,
    gains,
    headlines,
    judging_interval,
    largest,
    limits,
    lines_of,
    results_of,
    rows,
    rows_shown,
    shown_summary,
    subjects_phrase,
    titles_of,
    without_seed_spread,
)
from multiskin.reports.comparison_missing import left_out_text, no_cost_text, with_relative_paths
from multiskin.reports.comparison_tables import comparison_table_markdown
from multiskin.reports.fonts import drawable
from multiskin.reports.formats import number
from multiskin.reports.grade_counts import SIDE_TITLES
from multiskin.reports.html import write_page
from multiskin.reports.styles import page_style, picture_style
from multiskin.reports.svg import to_svg
from multiskin.run import atomic_path, write_atomically

FILES = ("results.json", "table.csv", "table.md", "figures", "report.html")  # the record comes first
DESCRIPTIONS = {
    "differences": "Differences between the shared and the single models with intervals; the table has the numbers",
    "levels": "Scores of the shared and the single models; the table has the numbers",
    "cost": "How many times as much the single models cost; the table has the numbers",
}
FEW_DRAWS = 0.8  # a head with a smaller share of its single model's draws may do worse for that reason alone
KEY_COSTS = {  # the costs named in the answer at the top of the page
    PARAMETERS: "have {} times as many parameters",
    PASSES: "took {} times as many photos through a network in training",
    LATENCY: "take {} times as long to answer",
}


def write_comparison(comparison: Comparison, root: Path) -> Path:
    """Writes results.json, table.csv, table.md, figures/*.png and report.html, each atomically, and returns the page.

    Args:
        comparison: the results.
        root: the folder of the comparison's runs.
    """
    no_cost = with_relative_paths({"cost": comparison.no_cost}, root)["cost"]
    comparison = replace(comparison, missing=with_relative_paths(comparison.missing, root), no_cost=no_cost)
    write_atomically(root / "results.json", results_json(comparison))
    write_atomically(root / "table.csv", comparison.results.to_csv(index=False))
    write_atomically(root / "table.md", comparison_table_markdown(comparison))
    write_comparison_figures(comparison, root / "figures")
    page = root / "report.html"
    write_page(page, "comparison", _content(comparison))
    return page


def results_json(comparison: Comparison) -> str:
    """The whole comparison as JSON, except for paths; keys are sorted, and values that do not exist are null."""
    content = vars(comparison) | {
        "schema": comparison.schema.to_dict(),
        "config": without_paths(comparison.config),
    }
    return json.dumps(_plain(content), indent=2, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        return _plain(value.to_dict("records"))
    if isinstance(value, Mapping):
        return {str(key): _plain(of_key) for key, of_key in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_comparison_figures(comparison: Comparison, folder: Path) -> None:
    """Writes differences.png, levels.png and, if costs are measured, cost.png; titles that no font has are numbered."""
    lines = [
        line if drawable(line.title) else line._replace(title=f"attribute {position}")
        for position, line in enumerate(lines_of(comparison), start=1)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    with picture_style():
        for name, figure in _figures(lines, comparison.cost):
            with atomic_path(folder / f"{name}.png") as part:
                figure.savefig(part, format="png")


def _figures(lines: Sequence[Line], cost: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    yield "differences", draw_differences(lines)
    yield "levels", draw_levels(lines)
    if len(cost):
        yield "cost", draw_costs(cost)


def _content(comparison: Comparison) -> dict[str, Any]:
    """Everything that the template refers to."""
    lines, several, titles = lines_of(comparison), len(comparison.seeds) > 1, titles_of(comparison)
    results = results_of(comparison, lines)
    return {
        "comparison": comparison,
        "lines": lines,
        "headlines": headlines(lines),
        "shown_by_metrics": shown_summary(results, titles),
        "draws_of_worse": _draws_of_worse(results, comparison.draws),
        "useless": [line for line in lines if line.is_useless],
        "subjects_phrase": subjects_phrase(largest(lines)),
        "largest": largest(lines),
        "photos_without_subject": largest(lines).units - largest(lines).subjects,
        "unit_kind": lines[0].found.unit_kind,
        "side_title": SIDE_TITLES[comparison.side],
        "interval_name": "of the method" if several else "of these trained models",
        "judging_interval": judging_interval,
        "difference": difference,
        "direction_shown": direction_shown,
        "without_seeds": [line for line in lines if without_seed_spread(line.found)],
        "limits": limits,
        "unseen": UNDETECTED_SEEDS,
        "plural": plural,
        "flattered": FLATTERED,
        "distilled": DISTILLED,
        "caveat": caveat(len(comparison.seeds)),
        "key_costs": _key_costs(comparison.cost),
        "charts": _charts(lines, comparison.cost),
        "others": _other_metrics(results),
        "gains": gains(results),
        "titles": titles,
        "metrics": METRICS,
        "higher_is_better": HIGHER_IS_BETTER,
        "costs": [(device, rows(of)) for device, of in comparison.cost.groupby("device", sort=False)],
        "on_no_device": ON_NO_DEVICE,
        "no_cost": no_cost_text(comparison.no_cost),
        "left_out": left_out_text(comparison.left_out),
        "draws": rows(comparison.draws),
        **_short_of_draws(comparison.draws),
        "resamples": RESAMPLES,
        "settings": as_yaml(comparison.config),
    }


def _short_of_draws(draws: pd.DataFrame) -> dict[str, Any]:
    """Whether all heads have far fewer draws than their single models, and which could get more from other heads."""
    ratios = draws["shared"] / draws["single"]
    best = ratios.max()
    return {
        "all_short_of_draws": best < FEW_DRAWS,
        # Other heads can spare some
        "short_of_draws": draws.loc[ratios < FEW_DRAWS * min(best, 1), "attribute"].tolist(),
    }


def _draws_of_worse(results: pd.DataFrame, draws: pd.DataFrame) -> list[Any]:
    """The draws of the heads that the shared model is shown to be worse at, by any metric."""
    return rows(draws[draws["attribute"].isin(rows_shown(results, "worse")["attribute"])])


def _key_costs(cost: pd.DataFrame) -> list[str]:
    """What all single models cost together, in words, on each device."""
    told = []
    for quantity, words in KEY_COSTS.items():
        found = rows(cost[cost["quantity"] == quantity])
        times = [number(row.ratio, 1) + (f" ({row.device.partition(' (')[0]})" if row.device else "") for row in found]
        told += [words.format(" and ".join(times))] if times else []
    return told


def _charts(lines: Sequence[Line], cost: pd.DataFrame) -> dict[str, Markup]:
    with page_style():
        return {name: to_svg(figure, name, DESCRIPTIONS[name]) for name, figure in _figures(lines, cost)}


def _other_metrics(results: pd.DataFrame) -> dict[str, list[Any]]:
    """The rows of the results that the main table does not show, by metric."""
    others: dict[str, list[Any]] = {}
    for row in rows(results[~results["metric"].isin(JUDGED_BY.values())]):
        others.setdefault(row.metric, []).append(row)
    return others
