"""The commands compare and study, with real but small trainings."""

import json
import os
import re
import signal
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from multiskin.cli import main
from multiskin.errors import UserError
from multiskin.reports.comparison import FILES


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_settings):
    """A config, its schema and a study."""
    folder = tmp_path_factory.mktemp("comparing")
    write_settings(
        folder,
        out=str(folder / "runs" / "first"),
        data={"split": {"ratios": [0.5, 0.2, 0.3]}},
        model={"backbone": "test_efficientnet", "weights": "none", "input_size": 48},
        trainer={"max_epochs": 1, "accelerator": "cpu"},
    )
    study = {
        "title": "Loss",
        "config": "config.yaml",
        "baseline": "plain",
        "rows": {"plain": {}, "focal": {"recipe.loss": "focal"}},
        "options": {"test": False},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    return folder


def run(*arguments):
    return main([str(argument) for argument in arguments])


class TestMistakes:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--seeds", "1", "1"], "--seeds: 1 is given twice"),
            (["--single-epochs", "0"], "single_epochs"),
            (
                ["--protocol", "equal-compute", "--single-epochs", "5"],
                "--single-epochs: not with --protocol equal-compute",
            ),
            (["--protocol", "equal-compute", "--distill", "3"], "--distill: not with --protocol equal-compute"),
            (["--seed", "1"], "--seed: not for a comparison, which has --seeds"),
            (["--ckpt_path", "last"], "--ckpt_path: not for a comparison, which has --seeds and resumes"),
            (["--protocol", "fair"], "--protocol"),
            (["--jobs", "0"], "0 does not conform"),
        ],
    )
    def test_mistakes_in_a_comparison_get_one_message(self, folder, capsys, arguments, words):
        assert run("compare", "--config", folder / "config.yaml", *arguments) == 2
        message = capsys.readouterr().err
        assert words in message
        assert "Traceback" not in message

    @pytest.mark.parametrize(("command", "file"), [("compare", "config.yaml"), ("study", "study.yaml")])
    def test_mistakes_in_seeds_are_reported_before_photos_are_read(self, folder, capsys, command, file):
        absent = ["--data.manifest", "none.csv"]
        assert run(command, "--config", folder / file, "--seeds", "1", "1", *absent) == 2
        assert "--seeds: 1 is given twice" in capsys.readouterr().err

    def test_a_folder_with_other_content_is_left_alone(self, folder, capsys):
        assert run("compare", "--config", folder / "config.yaml", "--out", folder) == 2
        assert "there is something already" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("options", "words"),
        [({"recipe.lose": "focal"}, r"recipe\.lose"), ({"recipe.loss": "fokal"}, r"'fokal': did you mean 'focal'")],
    )
    def test_a_row_with_a_wrong_option_is_named(self, folder, tmp_path, capsys, options, words):
        study = yaml.safe_load((folder / "study.yaml").read_text())
        study["config"] = str(folder / "config.yaml")
        study["rows"]["focal"] = options
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
        assert run("study", "--config", tmp_path / "study.yaml", "--out", tmp_path / "out") == 2
        assert re.search(rf"study\.yaml: row focal: .*{words}", capsys.readouterr().err)


@pytest.mark.slow
class TestWhole:
    def test_a_comparison_ends_in_a_page_and_trains_nothing_twice(self, folder, capsys):
        command = ["compare", "--config", folder / "config.yaml", "--seeds", "3"]
        assert run(*command) == 0
        said = capsys.readouterr().out
        out = folder / "runs" / "first-compare"
        assert f"report: {out / 'report.html'}" in said
        assert said.count(": finished") == 3
        results = json.loads((out / "results.json").read_text())
        assert results["seeds"] == [3]
        table = pd.read_csv(out / "table.csv")
        assert {"shine", "lines", "mean"} == set(table["attribute"])
        assert {path.name for path in (out / "figures").iterdir()} == {"cost.png", "differences.png", "levels.png"}

        assert run(*command) == 0
        assert "0 of 3 runs to train" in capsys.readouterr().out

    def test_a_shared_model_learns_from_the_single_ones(self, folder, capsys):
        out = folder / "runs" / "taught"
        command = ["compare", "--config", folder / "config.yaml", "--seeds", "3", "--test", "false", "--out", out]
        assert run(*command) == 0
        assert run(*command, "--distill", "1") == 0
        said = capsys.readouterr().out
        assert "1 of 3 runs to train" in said
        assert "earlier results moved" in said
        results = json.loads((out / "results.json").read_text())
        assert results["config"]["distillation"] == {"teachers": 2, "weight": 1.0}
        [passes] = [line for line in results["cost"] if line["quantity"] == "image passes in training"]
        assert passes["shared"] > passes["singles"]

    def test_single_models_may_have_epochs_of_their_own(self, folder, tmp_path):
        command = ["compare", "--config", folder / "config.yaml", "--test", "false", "--out", tmp_path / "out"]
        assert run(*command, "--seeds", "0", "--trainer.max_epochs", "3", "--single-epochs", "1") == 0
        results = json.loads((tmp_path / "out" / "results.json").read_text())
        assert results["single_epochs"] == 1
        [passes] = [line for line in results["cost"] if line["quantity"] == "image passes in training"]
        draws = results["config"]["data"]["draws_per_epoch"]
        assert passes["shared"] == 3 * draws
        assert draws <= passes["singles"] <= 2 * draws  # of two single models, each on its own photos
        assert "3 epochs of the shared model, 1 of each single model" in (tmp_path / "out" / "table.md").read_text()

    def test_a_failed_cost_measurement_loses_no_statistics(self, folder, capsys, monkeypatch):
        def fail(*_):
            raise UserError("no memory left")

        out = folder / "runs" / "uncosted"
        command = ["compare", "--config", folder / "config.yaml", "--seeds", "3", "--test", "false", "--out", out]
        monkeypatch.setattr("multiskin.compare.comparison.measure_cost", fail)
        assert run(*command) == 2
        said = capsys.readouterr()
        assert "shared is" in said.out
        assert "no memory left" in said.err
        assert json.loads((out / "results.json").read_text())["cost"] == []
        assert "not measured yet: no memory left." in (out / "report.html").read_text()
        monkeypatch.undo()
        assert run(*command) == 0
        assert len(json.loads((out / "results.json").read_text())["cost"]) > 5
        assert "not measured yet" not in (out / "report.html").read_text()

    def test_after_a_change_only_affected_runs_are_trained(self, folder, capsys):
        out = folder / "runs" / "changed"
        command = ["compare", "--config", folder / "config.yaml", "--seeds", "3", "--test", "false", "--out", out]
        assert run(*command) == 0
        assert "earlier results moved" not in capsys.readouterr().out
        before = (out / "results.json").read_bytes()
        assert run(*command, "--heads", "{lines: {loss: squared_emd}}") == 0
        said = capsys.readouterr().out
        assert "2 of 3 runs to train" in said  # the single model of shine is unchanged
        [moved] = [line for line in said.splitlines() if line.startswith("earlier results moved to results-")]
        assert moved.endswith("/: settings of shared: heads.lines.loss was None and is squared_emd")
        assert said.index(moved) < said.index("2 of 3 runs to train")
        [kept] = out.glob("results-*")
        assert (kept / "results.json").read_bytes() == before
        assert {path.name for path in kept.iterdir()} == set(FILES)
        assert {path.name for path in out.iterdir()} >= set(FILES)

    @pytest.mark.skipif(sys.platform == "win32", reason="has no groups of processes as terminals interrupt them")
    def test_an_interrupt_ends_in_one_line_and_leaves_no_process(self, folder):
        out = folder / "runs" / "interrupted"
        command = [
            sys.executable,
            "-m",
            "multiskin",
            "compare",
            "--config",
            str(folder / "config.yaml"),
            "--seeds",
            "3",
        ]
        command += ["--jobs", "2", "--test", "false", "--trainer.max_epochs", "3", "--out", str(out)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, start_new_session=True, **pipes) as process:
            next(line for line in process.stdout if ": epoch 1/3" in line)
            os.killpg(process.pid, signal.SIGINT)  # to the whole group, as a terminal does
            said = process.communicate(timeout=120)[1]
        assert process.returncode == 130
        assert said == "multiskin: interrupted; the same command resumes it\n"
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
        assert not (out / "results.json").exists()

        again = subprocess.run(command, **pipes, check=True)
        assert f"report: {out / 'report.html'}" in again.stdout
        curves = [pd.read_csv(path)["epoch"] for path in out.glob("runs/*/logs/metrics.csv")]
        assert len(curves) == 3
        for epochs in curves:
            assert sorted(set(epochs.dropna())) == [0, 1, 2]

    def test_a_study_ends_in_a_table(self, folder, capsys):
        out = folder / "runs" / "study"
        assert run("study", "--config", folder / "study.yaml", "--out", out, "--seeds", "0", "1", "--jobs", "2") == 0
        assert "**Loss** (validation photos, seeds 0, 1)." in capsys.readouterr().out
        assert (out / "table.md").read_text().count("| focal |") >= 2
        assert run("study", "--config", folder / "study.yaml", "--out", out, "--seeds", "0") == 0
        said = capsys.readouterr().out
        assert ": seeds were 0 1 and are 0; the settings are the same" in said
        assert "0 of 2 runs to train" in said
        assert len(list(out.glob("results-*/table.md"))) == 1

    def test_a_failed_variant_is_named_and_the_others_are_reported(self, folder, tmp_path, capsys):
        study = yaml.safe_load((folder / "study.yaml").read_text()) | {"config": str(folder / "config.yaml")}
        study["rows"] = {"broken": {"optimizer.lr": 1e30}} | study["rows"]
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
        out = tmp_path / "out"
        assert run("study", "--config", tmp_path / "study.yaml", "--out", out, "--seeds", "0") == 2
        said = capsys.readouterr()
        assert "1 of 3 runs failed" in said.err
        assert "broken, seed 0: " in said.err
        table = (out / "table.md").read_text()
        assert "| focal |" in table
        assert "| broken |" not in table
        assert "- broken, seed 0: " in table

    def test_a_seed_with_a_failed_run_is_left_out_of_a_comparison(self, folder, tmp_path, capsys):
        out = tmp_path / "out"
        command = ["compare", "--config", folder / "config.yaml", "--test", "false", "--out", out, "--seeds", "0", "1"]
        assert run(*command) == 0
        [damaged] = out.glob("runs/single-lines-1-????????")
        (damaged / "metrics.json").unlink()
        (damaged / "checkpoints" / "last.ckpt").write_bytes(b"cut short")
        capsys.readouterr()
        assert run(*command) == 2
        said = capsys.readouterr()
        assert "1 of 6 runs to train" in said.out
        assert "1 of 6 runs failed" in said.err
        assert "single-lines, seed 1: " in said.err
        results = json.loads((out / "results.json").read_text())
        assert results["seeds"] == [0]
        assert list(results["missing"]) == ["single-lines, seed 1"]
        assert "the attributes and seeds that lack one are left out here" in (out / "report.html").read_text()

    def test_singles_of_equal_compute_take_as_many_photos_together_as_the_shared_model(self, folder, tmp_path):
        command = ["compare", "--config", folder / "config.yaml", "--test", "false", "--out", tmp_path / "out"]
        assert run(*command, "--seeds", "0", "--protocol", "equal-compute", "--trainer.max_epochs", "2") == 0
        costs = {cost["quantity"]: cost for cost in json.loads((tmp_path / "out" / "results.json").read_text())["cost"]}
        assert costs["image passes in training"]["ratio"] == pytest.approx(
            1, abs=0.12
        )  # 8 instead of 9, since draws per epoch are whole numbers
        assert "Protocol equal-compute" in (tmp_path / "out" / "report.html").read_text()
