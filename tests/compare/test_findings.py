"""The findings made from the finished runs of a study."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from multiskin.compare.findings import _results, summarise_study
from multiskin.compare.runs import Runs
from multiskin.compare.study import Study, plan_study
from multiskin.config import FitConfig, Recipe, SplitConfig, TrainerConfig
from multiskin.data.photos import load_photos
from multiskin.errors import UserError

STUDY = Study("Loss", {"plain": {}, "focal": {}}, "plain", seeds=[0, 1])


@pytest.fixture(scope="module")
def found(finish_in, data_config, schema, tmp_path_factory):
    data = replace(data_config, split=SplitConfig([0.4, 0.2, 0.4]))
    base = FitConfig(data=data, trainer=TrainerConfig(max_epochs=2))
    configs = {"plain": base, "focal": replace(base, recipe=Recipe(loss="focal"))}
    planned = plan_study(configs, load_photos(data, schema), STUDY.seeds)
    runs = Runs(tmp_path_factory.mktemp("study") / "runs", "test", "study")
    with runs.opened():
        folders = {
            (run.model, run.config.seed): finish_in(runs, run, 0.9 if run.model == "focal" else 0.2) for run in planned
        }
        return summarise_study(STUDY, runs, planned, {}), folders


@pytest.fixture
def begin(data_config, schema, tmp_path):
    """An unfinished study of three variants: its opened runs and the planned ones."""
    data = replace(data_config, split=SplitConfig([0.4, 0.2, 0.4]))
    base = FitConfig(data=data, trainer=TrainerConfig(max_epochs=2))
    losses = {"plain": Recipe(), "focal": Recipe(loss="focal"), "sord": Recipe(loss="sord")}
    configs = {row: replace(base, recipe=recipe) for row, recipe in losses.items()}
    runs = Runs(tmp_path / "runs", "test", "study")
    with runs.opened():
        yield runs, plan_study(configs, load_photos(data, schema), [0, 1])


THREE = replace(STUDY, rows={"plain": {}, "focal": {}, "sord": {}})


def test_a_variant_that_never_finishes_is_left_out(begin, finish_in):
    runs, planned = begin
    for run in planned:
        if run.model != "sord":
            finish_in(runs, run, 0.5)
    findings = summarise_study(THREE, runs, planned, {"sord, seed 0": "out of memory", "sord, seed 1": "out of memory"})
    assert findings.seeds == [0, 1]
    assert findings.results["row"].unique().tolist() == ["plain", "focal"]
    assert list(findings.study.rows) == findings.costs["row"].tolist() == ["plain", "focal"]
    assert list(findings.missing) == ["sord, seed 0", "sord, seed 1"]


def test_only_seeds_that_every_variant_has_count(begin, finish_in):
    runs, planned = begin
    for run in planned:
        if (run.model, run.config.seed) != ("sord", 0):
            finish_in(runs, run, 0.5)
    findings = summarise_study(THREE, runs, planned, {})
    assert findings.seeds == [1]
    assert findings.results["row"].unique().tolist() == ["plain", "focal", "sord"]


def test_an_unreadable_file_costs_its_variant_one_number_and_no_statistics(begin, finish_in):
    runs, planned = begin
    folders = {run.title: finish_in(runs, run) for run in planned}
    best, curves = folders["plain, seed 0"].best, folders["focal, seed 1"].curves
    best.write_bytes(best.read_bytes()[:100])
    curves.unlink()
    findings = summarise_study(THREE, runs, planned, {})
    costs = findings.costs.set_index("row").isna()
    assert costs.index[costs["parameters"]].tolist() == ["plain"]
    assert costs.index[costs["seconds"]].tolist() == costs.index[costs["image_passes"]].tolist() == ["focal"]
    assert list(findings.lost) == ["plain", "focal"]
    assert findings.lost["plain"].startswith(f"checkpoint {best}: not readable")
    assert findings.lost["focal"].startswith(f"{curves}: ")
    assert findings.results["row"].unique().tolist() == ["plain", "focal", "sord"]


@pytest.mark.parametrize("finished", [(), ("plain",), ("focal", "sord")])
def test_without_the_baseline_or_any_variant_there_are_no_findings(begin, finish_in, finished):
    runs, planned = begin
    for run in planned:
        if run.model in finished:
            finish_in(runs, run, 0.5)
    with pytest.raises(UserError, match="no seed has all of its runs"):
        summarise_study(THREE, runs, planned, {})


def test_every_row_is_compared_with_the_baseline_and_the_baseline_with_itself(found):
    results = found[0].results.set_index(["row", "attribute", "metric"]).sort_index()
    assert results.loc[("focal", "mean", "accuracy"), "difference"] > 0.2
    assert (results.loc["plain", "difference"].dropna() == 0).all()
    same = results.loc["plain", "candidate"].dropna()
    pd.testing.assert_series_equal(same, results.loc["focal", "baseline"].dropna(), check_names=False)


def test_runs_are_listed_by_row_and_seed(found):
    findings, folders = found
    assert {(row, int(seed)): name for row, names in findings.runs.items() for seed, name in names.items()} == {
        key: folder.root.name for key, folder in folders.items()
    }


def test_nothing_is_resampled_to_compare_the_baseline_with_itself(monkeypatch, found):
    monkeypatch.setattr("multiskin.compare.findings.compare", lambda pairs: calls.append(pairs) or table)
    calls, table = [], found[0].results[found[0].results["row"] == "focal"].drop(columns="row")
    pairs = {row: [row] for row in STUDY.rows}
    results = _results(STUDY, pairs)
    assert calls == [["focal"]]
    assert results["row"].unique().tolist() == ["plain", "focal"]


def test_costs_are_means_over_seeds(found):
    costs = found[0].costs.set_index("row")
    assert costs["seconds"].tolist() == [5.0, 5.0]
    assert costs["parameters"].nunique() == 1


def test_credits_by_grade_are_those_of_a_plain_loop(found):
    findings, folders = found
    credit = {0: 1.0, 1: 0.5}
    for line in findings.by_grade.itertuples():
        seeds = []
        for seed in (0, 1):
            table = pd.read_csv(folders[line.row, seed].predictions("test"))
            of_grade = table[table[f"{line.attribute}_true"] == line.grade]
            distances = (of_grade[line.attribute] - line.grade).abs()
            seeds.append(np.mean([credit.get(d, -0.5 * (d - 1)) for d in distances]) if len(of_grade) else np.nan)
            assert line.photos == len(of_grade)
        assert line.credit == pytest.approx(np.mean(seeds), nan_ok=True)
