"""The command conform, on a run with calibration photos or on another table."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from multiskin.cli import main
from multiskin.cli.settings import fit_config
from multiskin.conformal.coverage import coverage_of
from multiskin.conformal.prediction import ConformalSets
from multiskin.data.photos import load_photos
from multiskin.errors import UserError
from multiskin.inference.evaluate import evaluate
from multiskin.inference.predictor import Predictor
from multiskin.run import RunFolder
from multiskin.training.fit import fit

TINY = {"backbone": "test_efficientnet", "weights": "none", "input_size": 48}


def run(*arguments):
    return main([str(argument) for argument in arguments])


def failure(capsys, *arguments):
    assert run(*arguments) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("multiskin: error: ")
    return message


@pytest.fixture(scope="module", autouse=True)
def without_figures(blank_figures):
    with blank_figures():
        yield


@pytest.fixture(scope="module")
def photos(graded_folder, tmp_path_factory):
    """The table with a split: six subjects to calibrate on; odd ones have another tone."""
    root = shutil.copytree(graded_folder, tmp_path_factory.mktemp("conform") / "photos")
    table = pd.read_csv(root / "labels.csv", dtype=str, keep_default_na=False)
    number = table["subject"].str[1:].astype(int)
    sides = np.select([number < 4, number == 4, number == 5], ["train", "val", "test"], "calibration")
    table.assign(side=sides, tone=number.mod(2).astype(str)).to_csv(root / "labels.csv", index=False)
    return root


@pytest.fixture(scope="module")
def trained(photos, write_settings):
    folder = photos.parent
    columns = {"subject": "subject", "split": "side", "groups": ["tone"]}
    trainer = {"max_epochs": 1, "accelerator": "cpu", "monitor": "val/loss"}
    path = write_settings(folder, data={"root": str(photos), "columns": columns}, model=TINY, trainer=trainer)
    config, schema = fit_config("multiskin fit", "", ["--config", str(path), "--out", str(folder / "run")])
    return fit(config, load_photos(config.data, schema))


def data_of(folder):
    return fit_config("multiskin conform", "", ["--config", str(folder.config)])[0].data


def kept(folder, schema):
    content = torch.load(folder.best, weights_only=True)["conformal"]
    return ConformalSets.from_dict(content, schema)


class TestConform:
    def test_thresholds_are_saved_in_the_checkpoint_and_printed(self, trained, schema, capsys):
        before = torch.load(trained.best, weights_only=True)
        assert run("conform", trained.root, "--coverage", "0.6") == 0
        said = capsys.readouterr().out
        sets = kept(trained, schema)
        assert (sets.coverage, sets.by) == (0.6, None)
        counts = {name: (cells["all"].subjects, cells["all"].photos) for name, cells in sets.thresholds.items()}
        assert counts == {"shine": (6, 6), "lines": (6, 7)}  # the last photo has no grade
        assert all(np.isfinite(cells["all"].score) for cells in sets.thresholds.values())
        assert "sets for a coverage of 0.6" in said
        assert "rule out" not in said
        assert str(trained.best) in said
        after = torch.load(trained.best, weights_only=True)
        assert after.keys() == before.keys() | {"conformal"}
        assert all(torch.equal(value, after["state_dict"][key]) for key, value in before["state_dict"].items())
        Predictor.from_checkpoint(trained.best, "cpu")

    def test_the_run_is_locked_meanwhile(self, trained, monkeypatch, capsys):
        before = trained.best.read_bytes()
        with trained.locked():
            said = failure(capsys, "conform", trained.root)
        assert f"error: {trained.root}: in use by another run; wait until it has ended, or name another" in said
        assert trained.best.read_bytes() == before

        def judged(*arguments):
            with pytest.raises(UserError, match="in use by another run"), trained.locked():
                pass
            return evaluate(*arguments)

        monkeypatch.setattr("multiskin.inference.evaluate.evaluate", judged)
        assert run("conform", trained.root) == 0
        with trained.locked():
            assert Predictor.from_checkpoint(trained.best, "cpu").conformal

    def test_predictions_then_have_their_sets(self, trained, photos, schema, tmp_path):
        assert run("conform", trained.root, "--coverage", "0.6") == 0
        out = tmp_path / "out.csv"
        assert run("predict", trained.root, photos, "--out", out, "--num_workers", 0) == 0
        table = pd.read_csv(out)
        for name in schema.names:
            assert table[f"{name}_low"].le(table[name]).all()
            assert table[f"{name}_high"].ge(table[name]).all()

    def test_the_printed_sizes_are_those_of_the_sets_that_users_get(self, trained, tmp_path, capsys):
        folder = RunFolder(shutil.copytree(trained.root, tmp_path / "run"))
        always_0 = {"credit": {"shine": [[1, 0, 0, 0, 0]] * 5}}  # which is seldom the mode
        torch.save(torch.load(folder.best, weights_only=True) | always_0, folder.best)
        assert run("conform", folder.root, "--coverage", "0.2", "--num_workers", 0) == 0
        said = capsys.readouterr().out
        predictor = Predictor.from_checkpoint(folder.best, "cpu")
        unseen = load_photos(data_of(folder), predictor.schema).side("calibrate")
        sets = predictor.sets(evaluate(predictor, unseen, num_workers=0).prediction)
        size = coverage_of(sets[:, 0], unseen.grades[:, 0], unseen.units).size
        assert size > 1
        assert next(line for line in said.splitlines() if "shine" in line).split()[3] == f"{size:.2f}"

    def test_coverage_measured_for_earlier_sets_is_said_to_be_theirs(self, trained, tmp_path, capsys):
        folder = RunFolder(shutil.copytree(trained.root, tmp_path / "run"))
        stale = "metrics.json: for val, test, the coverage is that of the earlier sets until measured again"
        assert run("conform", folder.root, "--num_workers", 0) == 0
        assert stale not in capsys.readouterr().out
        assert run("validate", folder.root, "--num_workers", 0) == 0
        assert run("test", folder.root, "--num_workers", 0) == 0
        assert run("conform", folder.root, "--coverage", "0.5", "--num_workers", 0) == 0
        assert stale in capsys.readouterr().out

    def test_too_few_subjects_give_full_sets_with_a_message(self, trained, schema, capsys):
        assert run("conform", trained.root) == 0
        said = capsys.readouterr().out
        sets = kept(trained, schema)
        assert sets.coverage == 0.9
        assert all(cells["all"].score == np.inf for cells in sets.thresholds.values())
        assert "fewer than 9 subjects, so the sets rule out no grade: shine, lines" in said
        assert "100 %" in said

    def test_by_grade_and_by_group(self, trained, schema, capsys):
        assert run("conform", trained.root, "--coverage", "0.5", "--by", "grade") == 0
        assert list(kept(trained, schema).thresholds["lines"]) == ["0", "1", "2"]
        assert run("conform", trained.root, "--coverage", "0.5", "--by", "tone") == 0
        tones = kept(trained, schema).thresholds["shine"]
        assert {tone: cell.subjects for tone, cell in tones.items()} == {"0": 3, "1": 3}
        assert "tone" in capsys.readouterr().out

    def test_predict_takes_the_group(self, trained, photos, tmp_path, capsys):
        assert run("conform", trained.root, "--coverage", "0.3", "--by", "tone") == 0
        command = ["predict", trained.root, photos / "labels.csv", "--num_workers", 0, "--out"]
        widths = {}
        for tone in ("", "0", "1"):
            assert run(*command, tmp_path / f"of {tone}.csv", *(["--group", tone] if tone else [])) == 0
            told = pd.read_csv(tmp_path / f"of {tone}.csv")
            widths[tone] = (told["shine_high"] - told["shine_low"]).to_numpy()
        assert (widths[""] == np.maximum(widths["0"], widths["1"])).all()
        assert (widths["0"] != widths["1"]).any()
        assert "unknown value of tone '7': choose one of 0, 1" in failure(
            capsys, *command, tmp_path / "no.csv", "--group", "7"
        )
        assert run("conform", trained.root, "--coverage", "0.3") == 0
        assert "the model's sets are not by group" in failure(capsys, *command, tmp_path / "no.csv", "--group", "1")

    def test_another_table_of_other_subjects(self, trained, photos, schema):
        table = pd.read_csv(photos / "labels.csv", dtype=str, keep_default_na=False)
        others = table[table["side"].isin(("test", "calibration"))].drop(columns=["side", "lines"])
        others.to_csv(photos / "others.csv", index=False)
        assert run("conform", trained.root, "--coverage", "0.5", "--table", "others.csv") == 0
        cells = kept(trained, schema).thresholds
        assert (cells["shine"]["all"].subjects, cells["lines"]["all"].subjects) == (7, 0)
        assert cells["lines"]["all"].score == np.inf


class TestMeasured:
    """The coverage that a test then reports."""

    @pytest.mark.parametrize(("by", "cells"), [(None, []), ("grade", ["0", "1", "2"]), ("tone", ["0", "1"])])
    def test_coverage_and_size_are_reported(self, trained, photos, capsys, tmp_path, by, cells):
        assert run("conform", trained.root, "--coverage", "0.6", *(["--by", by] if by else [])) == 0
        capsys.readouterr()
        assert run("test", trained.root, "--table", "labels.csv", "--out", tmp_path / "out", "--num_workers", 0) == 0
        said = capsys.readouterr().out
        assert "promised to contain the true one in 60 % of cases" in said
        sets = json.loads((tmp_path / "out" / "metrics.json").read_text())["labels"]["sets"]
        assert (sets["coverage"], sets["by"]) == (0.6, by)
        table = tmp_path / "sets.csv"
        assert run("predict", trained.root, photos / "labels.csv", "--out", table, "--num_workers", 0) == 0
        told, true = pd.read_csv(table), pd.read_csv(photos / "labels.csv")
        if by is None:  # since predict knows neither grades nor groups
            inside = true["lines"].between(told["lines_low"], told["lines_high"])[true["lines"].notna()]
            width = (told["lines_high"] - told["lines_low"] + 1)[true["lines"].notna()]
            owner = true["subject"][true["lines"].notna()]
            assert sets["heads"]["lines"]["all"]["covered"] == pytest.approx(inside.groupby(owner).mean().mean())
            assert sets["heads"]["lines"]["all"]["size"] == pytest.approx(width.groupby(owner).mean().mean())
        of_lines = sets["heads"]["lines"]
        for found in (of_lines["all"], *of_lines["cells"].values()):
            assert found["low"] <= found["covered"] <= found["high"]
            assert f"{found['covered']:.3f}" in said
        assert set(of_lines["cells"]) == set(cells)

    def test_a_model_without_sets_reports_none(self, trained, tmp_path, capsys):
        content = torch.load(trained.best, weights_only=True)
        content.pop("conformal", None)
        torch.save(content, tmp_path / "plain.ckpt")
        where = ("--checkpoint", tmp_path / "plain.ckpt", "--out", tmp_path / "out", "--num_workers", 0)
        assert run("test", trained.root, *where) == 0
        assert "promised" not in capsys.readouterr().out
        assert "sets" not in json.loads((tmp_path / "out" / "metrics.json").read_text())["test"]


class TestMistakes:
    @pytest.mark.parametrize("coverage", ["0", "1", "1.5", "-0.1", "nan", "90"])
    def test_a_coverage_out_of_range_is_refused(self, coverage, trained, capsys):
        message = failure(capsys, "conform", trained.root, "--coverage", coverage)
        assert "coverage is" in message
        assert "0.9" in message

    def test_without_calibration_photos_the_message_says_how_to_get_some(self, trained, tmp_path, capsys):
        copy = shutil.copytree(trained.root, tmp_path / "run")
        split = pd.read_csv(copy / "split.csv", dtype=str, keep_default_na=False)
        split[split["split"] != "calibrate"].to_csv(copy / "split.csv", index=False)
        message = failure(capsys, "conform", copy)
        assert all(word in message for word in ("data.split.ratios: [0.6, 0.15, 0.1, 0.15]", "--table", "split column"))

    def test_an_unknown_group(self, trained, capsys):
        message = failure(capsys, "conform", trained.root, "--by", "tones")
        assert "--by" in message
        assert "did you mean 'tone'" in message
        assert "grade" in message

    @pytest.mark.parametrize(("subject", "named"), [("p1", "subject p1"), ("", "photo images/02.png")])
    def test_photos_that_the_run_has_seen(self, subject, named, trained, photos, capsys):
        table = pd.read_csv(photos / "labels.csv", dtype=str, keep_default_na=False).drop(columns="side")
        path = "images/20.png" if subject else "images/02.png"
        table[table["image"] == path].assign(subject=subject).to_csv(photos / "seen.csv", index=False)
        message = failure(capsys, "conform", trained.root, "--table", "seen.csv")
        assert named in message
        assert "row 2" in message

    def test_a_failure_leaves_the_checkpoint_as_it_was(self, trained, capsys, monkeypatch):
        before = trained.best.read_bytes()

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(torch, "save", full)
        assert "No space left" in failure(capsys, "conform", trained.root, "--coverage", "0.6")
        assert trained.best.read_bytes() == before
        assert [path.name for path in trained.checkpoints.iterdir()].count("best.ckpt.part") == 0
