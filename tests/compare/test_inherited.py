"""A run that differs only in calibration reuses a finished run's training, with the same results."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest
import torch
import yaml

from multiskin.calibration import METHODS
from multiskin.compare import inherited
from multiskin.compare.inherited import find_teachers, reuse_training
from multiskin.compare.plan import plan_comparison
from multiskin.compare.runs import Runs
from multiskin.config import FitConfig, ModelConfig, Recipe, TrainerConfig
from multiskin.inference.predictor import Predictor
from multiskin.run import write_json


@pytest.fixture
def config(data_config):
    model = ModelConfig("test_efficientnet", "none", 32)
    return FitConfig(data=data_config, model=model, trainer=TrainerConfig(max_epochs=1, accelerator="cpu"))


@pytest.fixture
def plan(config, photos):
    """The shared model of a plan with the given calibrations and other changes."""

    def plan(heads=None, *, seed=0, **recipe):
        asked = replace(config, recipe=replace(config.recipe, **recipe), heads=heads or {})
        return plan_comparison(asked, photos, [seed])[0]

    return plan


@pytest.fixture
def trained(runs, plan, finish):
    """The folder of a finished run without a calibration."""
    folder = finish(plan())
    shutil.copy(folder.best, folder.last)
    write_json(folder.metrics, {"val": {}, "test": {}})
    return folder


def test_calibration_does_not_change_the_training_digest(plan):
    plain, one, other = plan(), plan(calibration="cumulative"), plan({"lines": {"calibration": "vector"}})
    assert plain.training_digest == one.training_digest == other.training_digest
    assert len({plain.name, one.name, other.name}) == 3
    assert plain.name == f"shared-0-{plain.training_digest}"
    assert one.name.startswith(f"{plain.name}-")


def test_all_ways_of_asking_for_no_calibration_are_the_same_run(plan):
    said = plan({"shine": {"calibration": None}, "lines": {"calibration": None}}, calibration="cumulative")
    assert said.name == plan().name


@pytest.mark.parametrize("method", METHODS)
def test_training_is_reused_without_what_was_added_after_it(runs, plan, trained, method):
    content = torch.load(trained.best, weights_only=True)
    after = {"calibration": {"shine": {}}, "conformal": {}, "decisions": {"lines": "median"}, "credit": {}}
    torch.save(content | after, trained.best)
    run = plan(calibration=method)
    folder = runs.folder(run)
    assert reuse_training(run, folder) == trained.root.name
    for name in ("best", "last"):
        had, has = (torch.load(getattr(each, name), weights_only=True) for each in (trained, folder))
        assert {recipe["calibration"] for recipe in has["blueprint"]["recipes"]} == {method}
        assert not after.keys() & has.keys()
        assert had["state_dict"].keys() == has["state_dict"].keys()
        assert all(torch.equal(had["state_dict"][key], value) for key, value in has["state_dict"].items())
    assert not folder.measured("val")
    assert folder.curves.read_bytes() == trained.curves.read_bytes()
    settings = yaml.safe_load(folder.config.read_text())
    assert Recipe(**settings["recipe"]) == run.config.recipe
    assert settings["out"] == str(folder.root)
    Predictor.from_checkpoint(folder.best)


def test_a_reused_run_finds_its_teachers_under_their_new_names(runs, config, photos, finish):
    recipe = replace(config.recipe, calibration="vector")
    before, now = (
        plan_comparison(each, photos, [0], distill=1.0)[0] for each in (config, replace(config, recipe=recipe))
    )
    folder = finish(before)
    shutil.copy(folder.best, folder.last)
    write_json(folder.metrics, {"val": {}, "test": {}})
    assert reuse_training(now, runs.folder(now)) == before.name
    settings = yaml.safe_load(runs.write_settings(now).read_text())
    assert yaml.safe_load(runs.folder(now).config.read_text())["distillation"] == settings["distillation"]
    assert settings["distillation"]["teachers"] == [str(runs.folder(teacher).root) for teacher in now.teachers]


@pytest.mark.parametrize("damaged", ["", "- a", "distillation: null", "distillation: {", "seed: 0", b"\xff"])
def test_damaged_settings_are_left_for_the_run_to_report(runs, config, photos, finish, damaged):
    run = plan_comparison(config, photos, [0], distill=1.0)[0]
    folder = finish(run)
    content = damaged if isinstance(damaged, bytes) else damaged.encode()
    folder.config.write_bytes(content)
    find_teachers(run, folder)
    assert folder.config.read_bytes() == content


def test_a_head_may_have_a_calibration_of_its_own(runs, plan, trained):
    run = plan({"lines": {"calibration": "vector"}})
    folder = runs.folder(run)
    assert reuse_training(run, folder)
    recipes = torch.load(folder.best, weights_only=True)["blueprint"]["recipes"]
    assert [recipe["calibration"] for recipe in recipes] == [None, "vector"]
    assert yaml.safe_load(folder.config.read_text())["heads"] == {"lines": {"calibration": "vector"}}


def test_the_training_of_a_model_with_another_name_is_reused(runs, plan, trained):
    run = replace(plan(calibration="vector"), model="Calibrated")
    assert reuse_training(run, runs.folder(run)) == trained.root.name


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"loss": "focal"}, {"decision": "median"}, {"heads": {"lines": {"resample": "balanced"}}}]
)
def test_a_different_training_is_not_reused(runs, plan, trained, other):
    run = plan(**other, calibration="vector")
    assert reuse_training(run, runs.folder(run)) == ""
    assert not runs.folder(run).root.exists()


def test_an_unfinished_training_is_not_reused(runs, plan, trained):
    run = plan(calibration="vector")
    trained.metrics.unlink()
    assert reuse_training(run, runs.folder(run)) == ""


def test_a_run_with_damaged_results_is_skipped(runs, plan, trained):
    run = plan(calibration="vector")
    trained.metrics.write_text(trained.metrics.read_text()[:5])
    trained.root.with_name(f"{trained.root.name}.log").touch()  # every run has one beside its folder
    assert reuse_training(run, runs.folder(run)) == ""


def test_a_run_with_an_unreadable_checkpoint_is_skipped(runs, plan, trained):
    run = plan(calibration="vector")
    other = trained.root.with_name(f"zz-0-{run.training_digest}")  # the next candidate by name
    shutil.copytree(trained.root, other)
    trained.last.write_bytes(b"half a checkpoint")
    assert reuse_training(run, runs.folder(run)) == other.name
    shutil.rmtree(runs.folder(run).root)
    shutil.rmtree(other)
    assert reuse_training(run, runs.folder(run)) == ""
    assert {path.name for path in trained.root.parent.iterdir()} == {trained.root.name}


def test_a_started_run_is_resumed_instead(runs, plan, trained):
    run = plan(calibration="vector")
    runs.folder(run).root.mkdir()
    assert reuse_training(run, runs.folder(run)) == ""
    assert not [*runs.folder(run).root.iterdir()]


def test_an_interrupted_copy_is_made_again(runs, plan, trained, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    run = plan(calibration="vector")
    monkeypatch.setattr(inherited, "write_checkpoint", full)
    with pytest.raises(OSError, match="No space"):
        reuse_training(run, runs.folder(run))
    assert {path.name for path in trained.root.parent.iterdir()} == {trained.root.name}
    monkeypatch.undo()
    runs.folder(run).root.with_name(f"{run.name}.part").mkdir()  # as a kill leaves it
    assert reuse_training(run, runs.folder(run)) == trained.root.name
    assert not [*runs.folder(run).root.parent.glob("*.part")]


@pytest.mark.slow
def test_results_equal_those_of_a_run_trained_by_itself(plan, tmp_path):
    """Real trainings: one calibrated run reuses that of the plain run, another is trained by itself."""
    told, plain, run = [], plan(), plan(calibration="cumulative")
    taken, alone = (Runs(tmp_path / name, "test", "compare") for name in ("taken", "alone"))
    with taken.opened(), alone.opened():
        assert taken.train([plain], 1, lambda *_: None) == {}
        assert taken.train([run], 1, lambda what, _: told.append(what)) == {}
        assert alone.train([run], 1, lambda *_: None) == {}
    assert f"shared, seed 0: reuses the training of {plain.name}" in told
    assert not any("epoch" in what for what in told)
    one, other = taken.folder(run), alone.folder(run)
    assert json.loads(one.metrics.read_text()) == json.loads(other.metrics.read_text())
    assert json.loads(one.metrics.read_text()) != json.loads(taken.folder(plain).metrics.read_text())
    for side in ("val", "test"):
        pd.testing.assert_frame_equal(pd.read_csv(one.predictions(side)), pd.read_csv(other.predictions(side)))
        assert one.uncalibrated(side).is_file()
