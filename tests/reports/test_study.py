"""The tables of a study."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from multiskin.compare.findings import CREDITS, Findings
from multiskin.compare.study import Study
from multiskin.reports.study import FILES, findings_markdown, write_findings
from multiskin.schema import Attribute, Schema

OIL, DRY, KIND = Attribute("oil", 3, display={"en": "Oil"}), Attribute("dry", 3), Attribute("kind", 2, "nominal")


def results(row, candidate, difference):
    heads = (("oil", "p_recall"), ("oil", "mae"), ("dry", "p_recall"), ("kind", "balanced_accuracy"))
    judged = (*heads, ("mean", "p_recall"))
    limits = {"trained_low": -0.1, "trained_high": 0.1, "method_low": -0.2, "method_high": 0.25}
    return [
        {"row": row, "attribute": name, "metric": metric, "candidate": candidate, "difference": difference} | limits
        for name, metric in judged
    ]


@pytest.fixture
def findings():
    return Findings(
        Study("Loss", {"plain": {}, "focal": {"recipe.loss": "focal"}}, "plain"),
        Schema((OIL, DRY, KIND)),
        {row: {seed: f"{row}-{seed}-ab" for seed in ("0", "1", "2")} for row in ("plain", "focal")},
        [0, 1, 2],
        "val",
        pd.DataFrame(
            {"row": ["plain", "focal"], "parameters": [4e6, 4e6], "image_passes": [9.0, 9.0], "seconds": [61, 59]}
        ),
        pd.DataFrame(results("plain", 0.5, 0.0) + results("focal", 0.61234, 0.11234)),
        pd.DataFrame([("plain", "oil", 0, 12, 0.25), ("focal", "oil", 0, 12, -0.5)], columns=CREDITS),
        {},
    )


def test_a_line_a_variant_by_what_each_head_is_judged_by(findings):
    lines = findings_markdown(findings).splitlines()
    assert lines[0] == "**Loss** (validation photos, seeds 0, 1, 2)."
    assert "|  | parameters | training | Oil | dry | kind | mean |" in lines
    assert "| focal | 4 M | 0:00:59 | **0.612** | **0.612** | **0.612** | **0.612** |" in lines


@pytest.mark.parametrize("gone", ["ungraded", "absent"])
def test_a_mean_of_one_head_is_none(findings, gone):
    of_dry = findings.results["attribute"] == "dry"
    ungraded = findings.results.assign(candidate=findings.results["candidate"].mask(of_dry))
    left = {
        "ungraded": replace(findings, results=ungraded),
        "absent": replace(findings, schema=Schema((OIL, KIND)), results=findings.results[~of_dry]),
    }
    text = findings_markdown(left[gone])
    assert "| Oil |" in text
    assert "mean |" not in text


def test_differences_stand_with_the_methods_interval(findings):
    text = findings_markdown(findings)
    assert "Difference from plain, with the method's 95 % interval:" in text
    assert "| focal | +0.112 (−0.200 to 0.250)" in text


def test_of_one_seed_the_findings_are_exploratory(findings):
    del findings.seeds[1:]
    text = findings_markdown(findings)
    assert "(validation photos, seed 0). One seed, so exploratory" in text
    assert "| focal | +0.112 (−0.100 to 0.100)" in text


def test_of_two_seeds_the_methods_interval_is_not_relied_on(findings):
    assert "Two seeds" not in findings_markdown(findings)
    findings.seeds.pop()
    assert findings_markdown(findings).startswith("**Loss** (validation photos, seeds 0, 1). Two seeds are too few")


def test_models_that_were_calibrated_to_the_photos_are_said_to_be_flattered(findings):
    told = "(validation photos, seeds 0, 1, 2). Models were calibrated on these same photos"
    assert told in findings_markdown(replace(findings, flattered=True))
    assert "calibrated" not in findings_markdown(findings)


def test_limits_are_never_surer_than_they_are(findings):
    results = findings.results.assign(method_low=0.0002, method_high=0.2501)
    assert "| focal | +0.112 (0.0002 to 0.251)" in findings_markdown(replace(findings, results=results))


def test_seeds_that_were_left_out_are_named_with_the_reason(findings, tmp_path):
    missing = {"focal, seed 3": f"killed by SIGKILL; full output: {tmp_path}/runs/focal-3-ab.log"}
    table = write_findings(replace(findings, missing=missing), tmp_path).read_text()
    reason = "killed by SIGKILL; full output: runs/focal-3-ab.log"
    told = "1 run did not finish; results that depend on missing runs are left out:"
    assert table.endswith(f"{told}\n\n- focal, seed 3: {reason}\n")
    assert json.loads((tmp_path / "study.json").read_text())["missing"] == {"focal, seed 3": reason}
    assert "Left out" not in findings_markdown(findings)


def test_a_cost_that_is_lost_is_a_dash_with_the_reason_below(findings, tmp_path):
    costs = findings.costs.assign(parameters=[np.nan, 4e6], seconds=[61, np.nan])
    lost = {"plain": f"checkpoint {tmp_path}/runs/plain-0-ab/best.ckpt: not readable"}
    text = write_findings(replace(findings, costs=costs, lost=lost), tmp_path).read_text()
    assert "| plain | – | 0:01:01 | 0.500 |" in text
    assert "| focal | 4 M | – | **0.612** |" in text
    assert "Unknown costs: plain (checkpoint runs/plain-0-ab/best.ckpt: not readable)." in text
    assert "Unknown costs" not in findings_markdown(findings)


def test_credits_stand_by_grade(findings):
    assert "| focal | −0.50 |" in findings_markdown(findings)


def test_files_are_for_other_programs_too(findings, tmp_path):
    assert write_findings(findings, tmp_path).read_text() == findings_markdown(findings)
    assert pd.read_csv(tmp_path / "results.csv")["difference"].max() == pytest.approx(0.11234)
    record = json.loads((tmp_path / "study.json").read_text())
    assert record["rows"]["focal"] == {"recipe.loss": "focal"}
    assert record["runs"] == findings.runs
    assert set(FILES) == {path.name for path in tmp_path.iterdir()}
