"""The comparison made from finished runs."""

from dataclasses import replace

import pytest

from multiskin.compare import cost
from multiskin.compare.comparison import summarise, with_cost
from multiskin.compare.plan import plan_comparison
from multiskin.config import FitConfig, SplitConfig, TrainerConfig
from multiskin.data.photos import load_photos
from multiskin.errors import UserError


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(cost, "BUDGET", 0.05)


@pytest.fixture
def planned(data_config, schema):
    data = replace(data_config, split=SplitConfig([0.4, 0.2, 0.4]))
    config = FitConfig(data=data, trainer=TrainerConfig(max_epochs=2))
    return plan_comparison(config, load_photos(data, schema), [0, 1])


def test_a_comparison_describes_the_planned_runs(runs, planned, finish):
    folders = {run.title: finish(run, right=0.9 if run.model == "shared" else 0.1) for run in planned}
    found = with_cost(summarise(runs, planned, "equal-epochs", {}), runs, planned)
    assert (found.seeds, found.side, found.protocol) == ([0, 1], "test", "equal-epochs")
    accuracy = found.results.set_index(["attribute", "metric"]).sort_index().loc[("mean", "accuracy")]
    assert accuracy["difference"] > 0.3
    assert (accuracy["seeds"], accuracy["unit_kind"]) == (2, "subjects")
    by_quantity = found.cost.set_index("quantity")
    assert by_quantity.loc["time to train", ["shared", "singles"]].tolist() == [5.0, 10.0]
    passes = by_quantity.loc["image passes in training"]
    assert passes["shared"] == planned[0].image_passes
    assert passes["singles"] == planned[1].image_passes + planned[2].image_passes
    assert by_quantity.loc["parameters", "ratio"] > 1.9
    draws = found.draws.set_index("attribute")
    assert draws["shared"].to_dict() == planned[0].effective_draws
    assert draws.loc["lines", "single"] == planned[2].effective_draws["lines"]
    assert found.constant == {"shine": {"p_recall": 0.25}, "lines": {"p_recall": 0.25}}
    assert found.runs["single-lines"]["1"] == folders["single-lines, seed 1"].root.name


def test_results_are_means_of_the_values_by_seed(runs, planned, finish):
    for run in planned:
        finish(run)
    found = summarise(runs, planned, "equal-epochs", {})
    means = found.by_seed.groupby(["attribute", "metric"])[["candidate", "baseline"]].mean()
    results = found.results.set_index(["attribute", "metric"]).sort_index()
    for metric in ("accuracy", "mae"):
        for attribute in ("shine", "lines"):
            expected = results.loc[(attribute, metric), ["candidate", "baseline"]].astype(float)
            assert means.loc[(attribute, metric)].tolist() == pytest.approx(expected.tolist())


def test_a_seed_with_a_missing_run_is_left_out(runs, planned, finish):
    for run in planned[:-1]:
        finish(run)
    found = summarise(runs, planned, "equal-epochs", {planned[-1].title: "killed"})
    assert found.seeds == [0]
    assert set(found.by_seed["seed"]) == {0}
    assert found.missing == {"single-lines, seed 1": "killed"}


def test_an_attribute_whose_single_models_never_finish_is_left_out(runs, planned, finish):
    for run in planned:
        if run.model != "single-lines":
            finish(run)
    found = summarise(runs, planned, "equal-epochs", {"single-lines, seed 0": "no room", "single-lines, seed 1": "no"})
    assert (found.seeds, found.schema.names) == ([0, 1], ("shine",))
    assert found.left_out == [planned[0].schema["lines"].title()]
    assert set(found.results["attribute"]) == {"shine", "mean"}
    assert set(found.by_seed["attribute"]) == set(found.draws["attribute"]) == {"shine"}
    assert list(found.missing) == ["single-lines, seed 0", "single-lines, seed 1"]


def test_results_are_available_without_costs(runs, planned, finish, monkeypatch):
    monkeypatch.setattr("multiskin.compare.comparison.measure_cost", pytest.fail)
    for run in planned:
        finish(run)
    assert summarise(runs, planned, "equal-epochs", {}).cost.empty


def test_without_a_complete_seed_there_is_nothing_to_compare(runs, planned, finish):
    finish(planned[0])
    finish(planned[-1])
    with pytest.raises(UserError, match="no seed has all of its runs") as error:
        summarise(runs, planned, "equal-epochs", {"single-shine, seed 0": "no room"})
    assert "single-shine, seed 0: no room" in str(error.value)
