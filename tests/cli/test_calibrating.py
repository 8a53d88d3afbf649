"""The command calibrate, and the options that choose decisions."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from multiskin.calibration.shares import importance_weights, natural_shares
from multiskin.cli import main
from multiskin.cli.parsers import by_head
from multiskin.config import FitConfig, ModelConfig, Recipe
from multiskin.data.transforms import Preprocessing
from multiskin.errors import UserError
from multiskin.inference.evaluate import network_probabilities
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.models.checkpoint import read_checkpoint
from multiskin.reports.graded import GradedPredictions
from multiskin.run import RunFolder
from multiskin.schema import Schema

TINY = {"backbone": "test_efficientnet", "weights": "none", "input_size": 48}


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def save_checkpoint(schema: Schema, path: Path) -> None:
    """A run with an untrained but confident network."""
    torch.manual_seed(0)
    counts = tuple((1,) * attribute.grades for attribute in schema)
    blueprint = Blueprint(schema, ModelConfig(**TINY), (Recipe(),) * len(schema), counts)
    net = blueprint.build()
    for _, head in net.named_heads():
        torch.nn.init.normal_(head.linear.weight, std=3)
    content = {
        "blueprint": blueprint.to_dict(),
        "preprocessing": Preprocessing(48, (0.5,) * 3, (0.2,) * 3).to_dict(),
        "state_dict": {f"net.{key}": value for key, value in net.state_dict().items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)


@pytest.fixture(scope="module", autouse=True)
def without_figures(blank_figures):
    with blank_figures():
        yield


@pytest.fixture(scope="module")
def measured(tmp_path_factory, data_config, schema, photos):
    """A run whose model is measured on validation and test photos."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "first")
    folder.root.mkdir()
    folder.config.write_text(yaml.safe_dump(asdict(FitConfig(schema=folder.schema.name, data=data_config))))
    schema.save(folder.schema)
    photos.save(folder.split, folder.skipped)
    save_checkpoint(schema, folder.best)
    for command in ("validate", "test"):
        assert run(command, folder.root, "--num_workers", 0) == 0
    return folder


@pytest.fixture
def trained(measured, tmp_path):
    return RunFolder(shutil.copytree(measured.root, tmp_path / "run"))


def probabilities(path: Path) -> np.ndarray:
    return pd.read_csv(path)[[f"shine_p{grade}" for grade in range(5)]].to_numpy()


class TestCalibrate:
    def test_a_run_is_calibrated_and_measured_and_nothing_is_lost(self, trained, measured, capsys):
        assert run("calibrate", trained.root, "--num_workers", 0) == 0
        said = capsys.readouterr().out
        calibrator = Predictor.from_checkpoint(trained.best, "cpu").calibrators["shine"]
        [aside] = trained.root.glob("results-*")
        for name in ("metrics.json", "predictions_val.csv", "predictions_test.csv", "report.html"):
            assert (aside / name).read_bytes() == (measured.root / name).read_bytes()
        before, now = (probabilities(folder.predictions("val")) for folder in (measured, trained))
        np.testing.assert_allclose(now, calibrator(torch.from_numpy(before)), atol=1e-4)
        assert np.abs(now - before).max() > 0.01
        np.testing.assert_allclose(probabilities(trained.uncalibrated("val")), before, atol=1e-4)
        assert set(json.loads(trained.metrics.read_text())) == {"val"}
        for words in (str(aside), f"multiskin test {trained.root}", "fitted to", "noise", str(trained.root / "report")):
            assert words in said
        assert " was " in (trained.root / "report.html").read_text().replace("<small>was", " was ")
        assert run("test", trained.root, "--num_workers", 0) == 0
        assert (trained.root / "uncalibrated_test.csv").is_file()

    def test_recalibration_starts_from_the_trained_model_and_none_removes_it(self, trained, measured):
        weights = []
        for methods in (["vector"], ["temperature", "lines=vector"], ["vector"], ["none"]):
            options = [word for method in methods for word in ("--method", method)]
            assert run("calibrate", trained.root, *options, "--num_workers", 0) == 0
            calibrators = Predictor.from_checkpoint(trained.best, "cpu").calibrators
            weights.append({name: (each.method, each.weight) for name, each in calibrators.items()})
        assert weights[0] == weights[2] != weights[1]
        assert [method for method, _ in weights[1].values()] == ["temperature", "vector"]
        assert weights[3] == {}
        assert set(read_checkpoint(trained.best)) == set(read_checkpoint(measured.best))
        np.testing.assert_allclose(
            probabilities(trained.predictions("val")), probabilities(measured.predictions("val")), atol=1e-4
        )

    def test_nominal_grades_get_a_method_that_fits(self, trained, tmp_path, failure):
        shine, lines = Schema.load(trained.schema)
        schema = Schema((shine, replace(lines, kind="nominal")))
        schema.save(trained.schema)
        save_checkpoint(schema, trained.best)
        command = ["calibrate", trained.root, "--num_workers", 0, "--out"]
        for asked in ((), ("--method", "vector", "--method", "cumulative")):
            path = tmp_path / f"{len(asked)}.ckpt"
            assert run(*command, path, *asked) == 0
            calibrators = Predictor.from_checkpoint(path, "cpu").calibrators
            methods = {name: calibrator.method for name, calibrator in calibrators.items()}
            assert methods == {"shine": "cumulative", "lines": "bias_corrected"}
        said = failure(*command, tmp_path / "new.ckpt", "--method", "lines=cumulative")
        assert "needs ordered grades, but lines is nominal; use bias_corrected" in said

    def test_decisions_are_kept_with_it(self, trained):
        command = ["calibrate", trained.root, "--method", "none", "--decision", "median", "--decision", "lines=credit"]
        assert run(*command, "--num_workers", 0) == 0
        predictor = Predictor.from_checkpoint(trained.best, "cpu")
        assert predictor.decisions == {"shine": "median", "lines": "credit"}
        assert not predictor.calibrators
        table = pd.read_csv(trained.predictions("val"))
        cumulated = probabilities(trained.predictions("val")).cumsum(axis=1)
        assert table["shine"].tolist() == (cumulated < 0.5 - 1e-6).sum(axis=1).tolist()

    def test_a_decision_leaves_the_calibration_as_it_is_and_a_calibration_the_decisions(self, trained):
        def again(*words):
            assert run("calibrate", trained.root, *words, "--num_workers", 0) == 0
            return Predictor.from_checkpoint(trained.best, "cpu")

        fitted = again("--method", "temperature", "--method", "lines=none", "--decision", "lines=credit")
        decided = again("--decision", "shine=median")
        assert decided.calibrators == fitted.calibrators
        assert set(decided.calibrators) == {"shine"}
        assert decided.decisions == {"shine": "median", "lines": "credit"}
        recalibrated = again("--method", "vector")
        assert {each.method for each in recalibrated.calibrators.values()} == {"vector"}
        assert recalibrated.decisions == decided.decisions

    def test_a_method_for_one_head_leaves_the_others_unchanged(self, trained):
        def again(*words):
            assert run("calibrate", trained.root, *words, "--num_workers", 0) == 0
            calibrators = Predictor.from_checkpoint(trained.best, "cpu").calibrators
            return {name: calibrator.method for name, calibrator in calibrators.items()}

        assert again("--method", "lines=vector") == {"lines": "vector"}  # nothing was fitted before
        assert again("--method", "temperature") == {"shine": "temperature", "lines": "temperature"}
        assert again("--method", "shine=vector") == {"shine": "vector", "lines": "temperature"}
        assert again("--method", "lines=none", "--decision", "median") == {"shine": "vector"}

    def test_credit_is_kept_with_it(self, trained, tmp_path):
        file = tmp_path / "credit.yaml"
        file.write_text(f"shine: {[[0, 0, 0, 0, 1]] * 5}")
        command = ["calibrate", trained.root, "--method", "none", "--decision", "median", "--credit", file]
        assert run(*command, "--num_workers", 0) == 0
        predictor = Predictor.from_checkpoint(trained.best, "cpu")
        assert predictor.decisions == {"shine": "credit", "lines": "median"}
        assert predictor.credit == {"shine": ((0.0, 0.0, 0.0, 0.0, 1.0),) * 5}
        assert set(pd.read_csv(trained.predictions("val"))["shine"]) == {4}

    def test_with_out_the_run_is_unchanged(self, trained, tmp_path, capsys, failure):
        before = {path: path.read_bytes() for path in trained.root.rglob("*.*") if path.is_file()}
        assert run("calibrate", trained.root, "--out", tmp_path / "new.ckpt", "--num_workers", 0) == 0
        assert Predictor.from_checkpoint(tmp_path / "new.ckpt", "cpu").calibrators
        assert {path: path.read_bytes() for path in before} == before
        assert f"--checkpoint {tmp_path / 'new.ckpt'}" in capsys.readouterr().out
        assert "already exists" in failure("calibrate", trained.root, "--out", tmp_path / "new.ckpt")

    def test_a_head_without_grades_is_left_as_it_is_and_named(self, trained, graded_folder, tmp_path, capsys):
        root = shutil.copytree(graded_folder, tmp_path / "photos")
        table = pd.read_csv(root / "labels.csv", dtype=str, keep_default_na=False)
        split = pd.read_csv(trained.split).set_index("image")["split"]
        table.loc[table["image"].map(split) == "val", "lines"] = ""
        table.to_csv(root / "labels.csv", index=False)
        assert run("calibrate", trained.root, "--root", root, "--num_workers", 0) == 0
        assert "lines: no validation photo is graded for it" in capsys.readouterr().err
        assert set(Predictor.from_checkpoint(trained.best, "cpu").calibrators) == {"shine"}

    def test_what_cannot_be_fitted_anew_or_is_not_asked_for_stays_as_it_was_fitted(
        self, trained, graded_folder, tmp_path, capsys
    ):
        """Even if the photos' grades have changed since."""

        def again(*words):
            assert run("calibrate", trained.root, *words, "--num_workers", 0) == 0
            return Predictor.from_checkpoint(trained.best, "cpu").calibrators

        before = again()
        root = shutil.copytree(graded_folder, tmp_path / "photos")
        table = pd.read_csv(root / "labels.csv", dtype=str, keep_default_na=False)
        table["shine"] = table["shine"].replace({"0": "4", "1": "3", "3": "1", "4": "0"})
        val = table["image"].map(pd.read_csv(trained.split).set_index("image")["split"]) == "val"
        table.loc[val, "lines"] = ""
        table.to_csv(root / "labels.csv", index=False)
        assert again("--root", root, "--decision", "median") == before
        after = again("--root", root)
        assert "lines: no validation photo is graded for it, so its probabilities stay" in capsys.readouterr().err
        assert after["lines"] == before["lines"]
        assert after["shine"] != before["shine"]

    def test_a_running_run_is_left_alone(self, trained, failure):
        before = trained.best.read_bytes()
        with trained.locked():
            said = failure("calibrate", trained.root, "--num_workers", 0)
        assert f"error: {trained.root}: in use by another run; wait until it has ended, or name another" in said
        assert trained.best.read_bytes() == before
        assert trained.metrics.is_file()

    def test_the_run_is_locked_meanwhile(self, trained, monkeypatch):
        def judged(*arguments):
            with pytest.raises(UserError, match="in use by another run"), trained.locked():
                pass
            return network_probabilities(*arguments)

        monkeypatch.setattr("multiskin.inference.evaluate.network_probabilities", judged)
        assert run("calibrate", trained.root, "--num_workers", 0) == 0
        with trained.locked():
            assert Predictor.from_checkpoint(trained.best, "cpu").calibrators

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--method", "temprature"], "unknown method 'temprature': did you mean 'temperature'?"),
            (["--method", "shin=vector"], "unknown attribute 'shin': did you mean 'shine'?"),
            (["--method", "shine=cumulativ"], "unknown method 'cumulativ': did you mean 'cumulative'?"),
            (["--decision", "mode"], "unknown decision 'mode'"),
            (["--decision", "shin=median"], "unknown attribute 'shin'"),
            (["--credit", "none.yaml"], "--credit none.yaml: No such file or directory; name a YAML file"),
        ],
    )
    def test_a_mistake_gets_one_message(self, measured, failure, arguments, words):
        assert words in failure("calibrate", measured.root, *arguments)

    @pytest.mark.parametrize(
        ("content", "arguments", "words"),
        [
            ("", [], "give a matrix for each attribute, with one row per true grade"),
            ("- 1", [], "give a matrix for each attribute, with one row per true grade"),
            ("shin: [[1]]", [], "unknown attribute 'shin': did you mean 'shine'?"),
            ("shine: [[1, 2], [3, 4]]", [], "--credit: shine: give 5 rows, one per true grade, of 5 numbers from"),
            ("shine: 1", ["--decision", "shine=median"], "--decision shine=median: --credit has a matrix for shine"),
            ("shine: 1", ["--decision", "shine=median", "--decision", "argmax"], "--credit: shine: give 5 rows"),
            ("shine: 1", ["--decision", "median", "--decision", "shine=credit"], "--credit: shine: give 5 rows"),
            (f"shine: {[[10**400] * 5] * 5}", [], "--credit: shine: give 5 rows"),
            (f"shine: {[[1e300] * 5] * 5}", [], "of 5 numbers from -1000000 to 1000000"),
            ("shine: !!bool maybe", [], "credit.yaml: not readable as YAML"),
        ],
    )
    def test_a_mistake_in_credit_gets_one_message(self, measured, tmp_path, failure, content, arguments, words):
        (tmp_path / "credit.yaml").write_text(content)
        assert words in failure("calibrate", measured.root, "--credit", tmp_path / "credit.yaml", *arguments)


class TestDecision:
    def test_a_later_option_for_a_head_overrides_an_earlier_one(self):
        assert by_head(["median", "oil=credit"], ["oil", "tone"]) == {"oil": "credit", "tone": "median"}
        assert by_head(["oil=credit", "median"], ["oil", "tone"]) == {"oil": "median", "tone": "median"}
        assert by_head([], ["oil"]) == {}

    def test_photos_are_graded_as_asked(self, measured, graded_folder, tmp_path):
        photos = graded_folder / "images"
        for name in ("as_ever", "decided"):
            asked = ["--decision", "lines=expectation"] if name == "decided" else []
            command = ["predict", measured.root, photos, "--out", tmp_path / f"{name}.csv", "--num_workers", 0]
            assert run(*command, *asked) == 0
        before, now = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("as_ever", "decided"))
        assert now["lines"].tolist() == np.ceil(now["lines_score"] - 0.5).tolist()
        assert now["shine"].tolist() == before["shine"].tolist()

    def test_photos_get_the_grade_with_the_highest_credit(self, measured, graded_folder, tmp_path):
        (tmp_path / "credit.yaml").write_text("shine: [" + "[0, 1e-1, 0, 0, 0], " * 5 + "]")
        command = ["predict", measured.root, graded_folder / "images", "--out", tmp_path / "new.csv"]
        assert run(*command, "--credit", tmp_path / "credit.yaml", "--num_workers", 0) == 0
        assert set(pd.read_csv(tmp_path / "new.csv")["shine"]) == {1}

    def test_results_of_other_decisions_have_a_folder_of_their_own(self, measured, tmp_path, failure):
        assert "--out" in failure("test", measured.root, "--decision", "median")
        (tmp_path / "credit.yaml").write_text(f"shine: {[[0, 1, 0, 0, 0]] * 5}")
        assert "--out" in failure("test", measured.root, "--credit", tmp_path / "credit.yaml")
        out = tmp_path / "out"
        assert run("test", measured.root, "--decision", "median", "--out", out, "--num_workers", 0) == 0
        table = pd.read_csv(out / "predictions_test.csv")
        cumulated = probabilities(out / "predictions_test.csv").cumsum(axis=1)
        assert table["shine"].tolist() == (cumulated < 0.5 - 1e-6).sum(axis=1).tolist()


def test_training_ends_with_the_calibration_of_the_recipes(write_settings, tmp_path, capsys):
    config = write_settings(
        tmp_path,
        model=TINY,
        trainer={"max_epochs": 1, "accelerator": "cpu"},
        recipe={"calibration": "temperature", "decision": "credit", "resample": "balanced"},
        heads={"lines": {"calibration": None}},
    )
    folder = RunFolder(tmp_path / "run")
    assert run("fit", "--config", config, "--out", folder.root) == 0
    predictor = Predictor.from_checkpoint(folder.best, "cpu")
    assert set(predictor.calibrators) == {"shine"}
    assert {path.name for path in folder.root.glob("uncalibrated_*")} == {
        "uncalibrated_val.csv",
        "uncalibrated_test.csv",
    }
    table = pd.read_csv(folder.predictions("val"))
    graded = table["shine_true"].notna().to_numpy()
    blueprint = Blueprint.from_dict(read_checkpoint(folder.best)["blueprint"])
    true, units = table["shine_true"][graded].to_numpy(int), GradedPredictions.of_run(folder, "val").units[graded]
    natural = natural_shares(true, np.array(blueprint.counts[0]), units)
    weights = importance_weights(true, natural)
    prior = (weights @ probabilities(folder.predictions("val"))[graded] + 5 * natural) / (weights.sum() + 5)
    np.testing.assert_allclose(predictor.calibrators["shine"].prior, prior, atol=1e-4)
    assert "How far the probabilities can be trusted" in (folder.root / "report.html").read_text()
