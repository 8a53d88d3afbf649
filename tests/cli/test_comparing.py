"""One model against many, as a user has it: real trainings, which are small."""

import json
import re

import pandas as pd
import pytest
import yaml

from multiskin.cli import main


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
            (["--seeds", "1", "1"], "--seeds: 1 stands twice"),
            (["--seed", "1"], "--seed: a comparison has --seeds"),
            (["--ckpt_path", "last"], "--ckpt_path: a comparison has --seeds, and goes on by itself"),
            (["--protocol", "fair"], "--protocol"),
            (["--jobs", "0"], "0 does not conform"),
        ],
    )
    def test_of_a_comparison_get_one_message(self, folder, capsys, arguments, words):
        assert run("compare", "--config", folder / "config.yaml", *arguments) == 2
        message = capsys.readouterr().err
        assert words in message
        assert "Traceback" not in message

    def test_a_folder_of_something_else_stays_as_it_is(self, folder, capsys):
        assert run("compare", "--config", folder / "config.yaml", "--out", folder) == 2
        assert "there is something already" in capsys.readouterr().err

    def test_a_row_with_an_unknown_option_is_named(self, folder, tmp_path, capsys):
        study = yaml.safe_load((folder / "study.yaml").read_text())
        study["config"] = str(folder / "config.yaml")
        study["rows"]["focal"] = {"recipe.lose": "focal"}
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
        assert run("study", "--config", tmp_path / "study.yaml", "--out", tmp_path / "out") == 2
        assert re.search(r"study\.yaml: row focal: .*recipe\.lose", capsys.readouterr().err)


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

    def test_after_a_change_only_what_it_bears_on_is_trained(self, folder, capsys):
        out = folder / "runs" / "changed"
        command = ["compare", "--config", folder / "config.yaml", "--seeds", "3", "--test", "false", "--out", out]
        assert run(*command) == 0
        assert run(*command, "--heads", "{lines: {loss: squared_emd}}") == 0
        assert "2 of 3 runs to train" in capsys.readouterr().out  # that of shine alone is the same as before

    def test_a_study_ends_in_a_table(self, folder, capsys):
        out = folder / "runs" / "study"
        assert run("study", "--config", folder / "study.yaml", "--out", out, "--seeds", "0", "1", "--jobs", "2") == 0
        assert "**Loss** (validation photos, seeds 0, 1)." in capsys.readouterr().out
        assert (out / "table.md").read_text().count("| focal |") >= 2
