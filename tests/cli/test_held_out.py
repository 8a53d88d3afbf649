"""Calibration on training photos as well, which networks trained without them predict."""

import shutil
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import yaml

from multiskin.calibration import GradedProbabilities, fit_calibrators
from multiskin.cli import main
from multiskin.compare.runs import Runs
from multiskin.config import FitConfig, ModelConfig, TrainerConfig
from multiskin.inference.calibrate import drawn_shares
from multiskin.inference.evaluate import network_probabilities
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.models.checkpoint import read_checkpoint
from multiskin.reports.graded import GradedPredictions
from multiskin.run import RunFolder
from multiskin.schema import MISSING

TINY = ModelConfig("test_efficientnet", weights="none", input_size=48)
FOLDS = 2


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def calibrators(folder: RunFolder):
    return Predictor.from_checkpoint(folder.best, "cpu").calibrators


@pytest.fixture(scope="module", autouse=True)
def without_figures(blank_figures):
    with blank_figures():
        yield


@pytest.fixture(scope="module")
def settings(data_config):
    return FitConfig(model=TINY, data=data_config, trainer=TrainerConfig(max_epochs=1, accelerator="cpu"))


@pytest.fixture(scope="module")
def train_here():
    """Trains planned runs in this process, which takes less time than starting others."""

    def train(runs, planned, at_once, on_progress):
        for each in planned:
            if not runs.finished(each):
                assert run("fit", "--config", runs.write_settings(each)) == 0
        return {}

    return train


@pytest.fixture(scope="module")
def first(untrained_run, settings, train_here):
    """A run calibrated on validation and training photos."""
    folder = untrained_run(std=3)
    folder.config.write_text(yaml.safe_dump(asdict(replace(settings, schema=folder.schema.name))))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Runs, "train", train_here)
        assert run("calibrate", folder.root, "--folds", FOLDS, "--num_workers", 0) == 0
    return folder


@pytest.fixture
def calibrated(first, tmp_path):
    return RunFolder(shutil.copytree(first.root, tmp_path / "run"))


def fold_runs(folder: RunFolder) -> list[RunFolder]:
    return [RunFolder(path) for path in sorted((folder.folds / "runs").iterdir()) if path.is_dir()]


def test_each_training_photo_is_predicted_by_a_network_that_has_not_seen_its_subject(first, photos):
    predicted = []
    for fold in fold_runs(first):
        split = pd.read_csv(fold.split, dtype=str)
        assert split.groupby("subject")["split"].nunique().eq(1).all()
        graded = (photos.side("val").grades != MISSING).any(axis=1)
        assert split.loc[split["split"] == "val", "image"].tolist() == photos.side("val").paths[graded].tolist()
        tested = split.loc[split["split"] == "test", "image"].tolist()
        assert pd.read_csv(fold.predictions("test"))["image"].tolist() == tested
        predicted += tested
    learned = photos.side("train")
    assert len(fold_runs(first)) == FOLDS
    assert sorted(predicted) == sorted(learned.paths[(learned.grades != MISSING).any(axis=1)])


def test_all_of_them_and_the_validation_photos_are_fitted_to(first, photos, schema):
    predictor = replace(Predictor.from_checkpoint(first.best, "cpu"), calibrators={})
    blueprint, val = Blueprint.from_dict(read_checkpoint(first.best)["blueprint"]), photos.side("val")
    sources = [GradedProbabilities(network_probabilities(predictor, val).numpy(), val.grades, val.units)]
    for fold in fold_runs(first):
        found = GradedPredictions.load(fold.predictions("test"), schema)
        sources.append(GradedProbabilities(found.probabilities, found.grades, found.units))
    others = GradedProbabilities(*(np.concatenate(parts) for parts in zip(*sources[1:], strict=True)))
    methods = dict.fromkeys(schema.names, "cumulative")
    drawn = drawn_shares(predictor.net, blueprint)
    expected = fit_calibrators(schema, methods, sources[0], drawn, blueprint.counts, others)
    for h, (name, calibrator) in enumerate(calibrators(first).items()):
        assert calibrator.rows == expected[name].rows == sum((each.grades[:, h] != MISSING).sum() for each in sources)
        np.testing.assert_allclose(calibrator.bias, expected[name].bias, atol=1e-4)
        np.testing.assert_allclose(calibrator.prior, expected[name].prior, atol=1e-4)


def test_networks_are_used_again(calibrated, capsys):
    before = calibrators(calibrated)
    assert run("calibrate", calibrated.root, "--folds", FOLDS, "--method", "vector", "--num_workers", 0) == 0
    assert "0 of 2 runs to train" in capsys.readouterr().out
    assert {name: each.rows for name, each in calibrators(calibrated).items()} == {
        name: each.rows for name, each in before.items()
    }


def test_decisions_and_methods_of_other_heads_leave_the_calibration_as_it_is(calibrated):
    before = calibrators(calibrated)
    assert run("calibrate", calibrated.root, "--decision", "median", "--num_workers", 0) == 0
    assert calibrators(calibrated) == before
    assert run("calibrate", calibrated.root, "--method", "lines=temperature", "--num_workers", 0) == 0
    after = calibrators(calibrated)
    assert after["shine"] == before["shine"]
    assert after["lines"].rows < before["lines"].rows


def test_uncalibrated_predictions_are_used_of_networks_that_are_calibrated(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.as_trained("test") == folder.predictions("test")
    folder.uncalibrated("test").touch()
    assert folder.as_trained("test") == folder.uncalibrated("test")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--folds", "1"], "argument --folds: '1' is not a whole number of at least 2"),
        (["--folds", "9"], "--folds 9: the photos are of 8 subjects"),
        (["--folds", "2", "--method", "none"], "--folds: --method none leaves nothing to calibrate"),
        (["--folds", "2", "--jobs", "0"], "argument --jobs: '0' is not a whole number of at least 1"),
        (["--jobs", "2"], "--jobs: only with --folds"),
    ],
)
def test_a_mistake_gets_one_message(calibrated, failure, arguments, words):
    before = calibrated.best.read_bytes()
    assert words in failure("calibrate", calibrated.root, *arguments, "--num_workers", 0)
    assert calibrated.best.read_bytes() == before


def test_teachers_have_seen_the_photos(calibrated, failure):
    content = yaml.safe_load(calibrated.config.read_text())
    content["distillation"] = {"teachers": [str(calibrated.root)]}
    calibrated.config.write_text(yaml.safe_dump(content))
    said = failure("calibrate", calibrated.root, "--folds", FOLDS, "--num_workers", 0)
    assert "--folds: not for a run with distillation, whose teachers have seen all training photos" in said


def test_a_failed_training_leaves_the_model_as_it_is(calibrated, capsys, monkeypatch):
    before = calibrated.best.read_bytes()
    monkeypatch.setattr(Runs, "train", lambda *_: {"fold-2, seed 0": "loss is not finite"})
    assert run("calibrate", calibrated.root, "--folds", FOLDS, "--num_workers", 0) == 2
    assert "1 of 2 runs failed; start again to retry them:\n  fold-2, seed 0: loss" in capsys.readouterr().err
    assert calibrated.best.read_bytes() == before


@pytest.mark.processes
def test_in_processes_of_their_own(untrained_run, settings, capsys):
    folder = untrained_run(std=3)
    folder.config.write_text(yaml.safe_dump(asdict(replace(settings, schema=folder.schema.name))))
    assert run("calibrate", folder.root, "--folds", FOLDS, "--jobs", 2, "--num_workers", 0) == 0
    assert capsys.readouterr().out.count(": finished") == FOLDS
    assert {fold.root.name.split("-")[1] for fold in fold_runs(folder)} == {"1", "2"}
    assert set(calibrators(folder)) == {"shine", "lines"}
