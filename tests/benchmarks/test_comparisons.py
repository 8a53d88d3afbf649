"""README tables of comparisons, studies and simulated coverage: intervals, verdicts, gains and sizes."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tables.comparisons import (
    comparison,
    gaussian_caption,
    missing_intervals_caption,
    seed_variance_caption,
    study,
    undetected_coverage_caption,
)

from multiskin.compare.words import UNDETECTED_SEEDS

SOURCE = {"command": "multiskin compare", "machine": "a machine", "side": "test", "seeds": [0, 1, 2], "cost": []}
HEADINGS = (
    "| attribute | single models | shared model | difference (the method) | verdict | these trained models | "
    "smallest detectable between these |"
)

UNDECIDED = {"method_low": -0.0101}


def row(attribute, metric, verdict, **more):
    found = {"attribute": attribute, "metric": metric, "verdict": verdict, "candidate": 0.5, "baseline": 0.4}
    found |= {"higher_is_better": metric == "p_recall", "gain_percent": 25.0}
    found |= {"seeds": 3, "difference": 0.1, "method_low": 0.0501, "method_high": 0.1499}
    return found | {"trained_low": 0.0601, "trained_high": 0.1399, "detectable": 0.056} | more


@pytest.fixture
def results():
    undecided = "no difference shown (0.010 worse to 0.100 better)"
    return pd.DataFrame(
        [
            row("shine", "p_recall", "better"),
            row("shine", "macro_mae", "better", method_low=-0.1499, method_high=-0.0501),
            row("shine", "rps", undecided, **UNDECIDED),
            row("lines", "p_recall", undecided, **UNDECIDED),
            row("lines", "macro_mae", "worse"),
            row("lines", "rps", "worse"),
        ]
    )


def test_each_interval_is_in_the_column_of_its_kind(results):
    headings, _, shine, lines, *_ = comparison(SOURCE, results)
    assert headings == HEADINGS
    assert shine == "| shine | 0.400 | 0.500 | +0.100 (0.050 to 0.150) | better | 0.060 to 0.140 | 0.056 |"
    assert lines.startswith("| lines | 0.400 | 0.500 | +0.100 (-0.011 to 0.150) | no difference shown")


def test_caption_lists_heads_shown_worse_and_better_by_any_metric(results):
    lines = comparison(SOURCE, results)
    assert lines[lines.index("") - 1].startswith("| lines ")
    assert lines[lines.index("") + 1] == (
        "Shown worse: lines (macro MAE, RPS). Shown better: shine (P-Recall, macro MAE). "
        "(By 3 metrics, each with its own 95 % interval of the method.)"
    )


def test_caption_gives_the_multi_task_gain_of_each_metric_with_a_defined_gain(results):
    mean = results.assign(attribute="mean", gain_percent=[-3.42, 0.25, np.nan] * 2)[:3]
    caption = " ".join(comparison(SOURCE, pd.concat([results, mean])))
    assert "of the gain relative to single models: P-Recall -3.4 %, macro MAE +0.2 %. " in f"{caption} "
    assert "gain" not in " ".join(comparison(SOURCE, results))


def test_caption_lists_heads_without_detected_variation_over_seeds(results):
    alone = results.assign(method_low=results["trained_low"], method_high=results["trained_high"], seeds=3)
    assert "models: shine, lines." in " ".join(comparison(SOURCE, alone))
    assert "without detected variation" not in " ".join(comparison(SOURCE, results))


def test_variants_of_different_sizes_are_listed_with_parameters_and_training_time(results):
    rows = [results.assign(row=name, attribute=results["attribute"].replace("lines", "mean")) for name in ("A", "B")]
    source = SOURCE | {"title": "Backbone", "name": "study_backbone", "baseline": "A"}
    costs = [
        {"row": "A", "parameters": 4_040_000, "seconds": 61.2},
        {"row": "B", "parameters": 27_600_000, "seconds": 3},
    ]
    headings, _, _, second, *rest = study(source | {"costs": costs}, pd.concat(rows))
    assert headings == "|  | parameters | training | shine | mean | mean minus A |"
    assert second == "| B | 27.6 M | 0:00:03 | 0.500 | 0.500 | +0.100 (-0.011 to 0.150) |"
    assert "Intervals: 95 %, of the method." in rest[-1]
    alike = [cost | {"parameters": 4_040_000} for cost in costs]
    assert study(source | {"costs": alike}, pd.concat(rows))[0] == "|  | shine | mean | mean minus A |"


def test_caption_reports_simulations_without_an_interval():
    caption = missing_intervals_caption(pd.DataFrame({"unknown": [0.0, 0.0623, 0.01], "units": [150, 23, 23]}))
    assert caption.endswith("are left out: 6.2% at most, with 23 subjects.")


@pytest.fixture
def simulated():
    """Coverage of simulations with and without variation over seeds, of graded and of Gaussian differences."""
    columns = ["model", "attribute", "interval", "seeds", "seed_variance", "seed_variance_found", "coverage"]
    columns += ["without_seeds", "coverage_without_seeds"]
    lines = [
        ("graded", "mean", "method", 3, 0.0, 0.0, 0.96, 0.6, 0.95),
        ("graded", "mean", "method", 3, 1.0, 1.24, 0.94, 0.3, 0.88),
        ("graded", "mean", "method", 5, 1.0, 2.51, 0.94, 0.1, 0.84),
        ("graded", "first", "method", 5, 1.0, 9.9, 0.94, 0.01, 0.1),  # too rare to be reported
        ("graded", "mean", "trained", 5, 1.0, 2.51, 0.94, 0.3, 0.1),
        ("gaussian", "", "method", 2, 1.0, 1.0, 0.901, 0.4, 0.7),
        ("gaussian", "", "method", 3, 1.0, 1.0, 0.932, 0.2, 0.86),
    ]
    return pd.DataFrame(lines, columns=columns)


def test_caption_reports_coverage_where_variation_over_seeds_is_undetected(simulated):
    caption = undetected_coverage_caption(simulated)
    assert "up to 30 times in 100, it contains the true difference 86 times in 100 (84 to 88)." in caption


def test_reports_quote_the_simulated_coverage_with_undetected_variation_over_seeds():
    measured = undetected_coverage_caption(
        pd.read_csv(Path(__file__).parents[2] / "benchmarks" / "results" / "coverage.csv")
    )
    held = re.search(r"\d+ times in 100 \(\d+ to \d+\)", UNDETECTED_SEEDS)
    assert f"contains the true difference {held[0]}." in measured


def test_caption_reports_seed_variances_and_coverage_with_few_seeds(simulated):
    assert seed_variance_caption(simulated).endswith("those of the mean are: at 1, 1.2 to 2.5.")
    expected = "contains the true difference 93.2 to 93.2 times in 100; with two seeds, 90 at worst."
    assert gaussian_caption(simulated).endswith(expected)
