"""The suspects command end to end: from a table with wrong labels to a list of them, and to a run without them."""

import shutil

import numpy as np
import pandas as pd
import pytest
import yaml

from multiskin.cli import main
from multiskin.compare.runs import Runs
from multiskin.run import write_json

WRONG = {"images/00.png": ("shine", "4"), "images/09.png": ("lines", "2")}  # 0 and 1 are right


@pytest.fixture
def folder(tmp_path, graded_folder, write_settings):
    """A config, its schema, and photos with two wrong labels."""
    root = shutil.copytree(graded_folder, tmp_path / "photos")
    table = pd.read_csv(root / "labels.csv", dtype=str, keep_default_na=False).set_index("image")
    for image, (attribute, grade) in WRONG.items():
        assert table.at[image, attribute] not in ("", grade)
        table.at[image, attribute] = grade
    sides = np.where(np.arange(len(table)) < 20, "train", "val")
    sides[-2:] = "test"
    table.assign(side=sides).reset_index().to_csv(root / "labels.csv", index=False)
    write_settings(
        tmp_path,
        out=str(tmp_path / "runs" / "first"),
        data={"root": str(root), "columns": {"subject": "subject", "split": "side"}},
        model={"backbone": "test_efficientnet", "weights": "none", "input_size": 48},
        trainer={"max_epochs": 1, "accelerator": "cpu"},
    )
    return tmp_path


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture
def trained(monkeypatch):
    """Replaces training by networks that know how the photos were made; returns a list of the planned runs."""
    planned = []

    def train(runs, plan, at_once, tell):
        planned.append(plan)
        for run in plan:
            runs.folder(run).root.mkdir(parents=True, exist_ok=True)
            held_out = run.table[run.table["split"] == "test"]
            photo = held_out["image"].str.extract(r"(\d+)")[0].astype(int) // 2
            columns = {"image": held_out["image"]}
            for attribute in run.schema:
                probabilities = 0.02 + 0.9 * np.eye(attribute.grades)[photo % attribute.grades]
                columns |= {f"{attribute.name}_p{grade}": p for grade, p in enumerate(probabilities.T)}
            pd.DataFrame(columns).to_csv(runs.folder(run).predictions("test"), index=False)
            write_json(runs.folder(run).metrics, {"test": {}})
        return {}

    monkeypatch.setattr(Runs, "train", train)
    return planned


def test_wrong_labels_come_first_and_can_be_left_out(folder, trained, capsys):
    config = folder / "config.yaml"
    assert run("suspects", "--config", config, "--folds", 3) == 0
    said = capsys.readouterr().out
    ranked = folder / "runs" / "first-suspects" / "suspects.csv"
    assert "shine: 0 of 11 labels are likely wrong" in said  # so few labels are not enough evidence
    assert f"--data.exclude {ranked}" in said
    table = pd.read_csv(ranked, dtype=str, keep_default_na=False)
    assert {(line.image, line.attribute, line.given) for line in table[:2].itertuples()} == {
        (image, *wrong) for image, wrong in WRONG.items()
    }
    assert table.loc[table["image"] == "images/00.png", "suggested"].tolist() == ["0"]

    table.assign(exclude=["yes", "Yes"] + [""] * (len(table) - 2)).to_csv(ranked, index=False)
    assert run("data", "check", "--config", config, "--data.exclude", ranked) == 0
    assert "2 grades are left out of training" in capsys.readouterr().err


def test_an_edited_list_is_kept(folder, trained, capsys):
    command = ["suspects", "--config", folder / "config.yaml", "--folds", 3]
    assert run(*command) == 0
    ranked = folder / "runs" / "first-suspects" / "suspects.csv"
    original = ranked.read_text()
    assert run(*command) == 0
    assert "previous" not in capsys.readouterr().out
    for edited in ("suspects-1.csv", "suspects-2.csv"):
        ranked.write_text(f"{edited}\n")
        assert run(*command) == 0
        assert f"the previous list is kept: {ranked.with_name(edited)}" in capsys.readouterr().out
        assert ranked.with_name(edited).read_text() == f"{edited}\n"
        assert ranked.read_text() == original


def test_row_numbers_refer_to_the_users_table(folder, trained):
    assert run("suspects", "--config", folder / "config.yaml", "--folds", 3) == 0
    table = pd.read_csv(folder / "runs" / "first-suspects" / "suspects.csv")
    own = pd.read_csv(folder / "photos" / "labels.csv")
    assert own["image"][table["row"] - 2].tolist() == table["image"].tolist()
    assert own["subject"][table["row"] - 2].tolist() == table["subject"].tolist()


@pytest.mark.parametrize(("options", "photos"), [([], 22), (["--sides", "train", "val", "test"], 23)])
def test_the_test_side_is_checked_if_requested(folder, trained, options, photos):
    assert run("suspects", "--config", folder / "config.yaml", "--folds", 3, *options) == 0
    assert [len(planned.table) for planned in trained[0]] == [photos] * 3


def test_no_list_is_written_if_a_fold_failed(folder, monkeypatch, capsys):
    monkeypatch.setattr(Runs, "train", lambda *_: {"fold-2, seed 0": "loss is not finite"})
    assert run("suspects", "--config", folder / "config.yaml", "--folds", 3) == 2
    assert "1 of 3 runs failed; start again to retry them:\n  fold-2, seed 0: loss" in capsys.readouterr().err
    assert not (folder / "runs" / "first-suspects" / "suspects.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--folds", "2"], "--folds is 2; give 3 or more"),
        (["--folds", "13"], "--folds 13: the photos are of 11 subjects"),
        (["--sides", "training"], "--sides"),
        (["--ckpt_path", "last"], "--ckpt_path: not for suspects"),
        (["--test", "false"], "--test: not for suspects"),
        (["--jobs", "0"], "0 does not conform"),
    ],
)
def test_mistakes_get_one_message(folder, capsys, arguments, words):
    assert run("suspects", "--config", folder / "config.yaml", *arguments) == 2
    message = capsys.readouterr().err
    assert words in message
    assert "Traceback" not in message


@pytest.mark.slow
def test_end_to_end_with_training(folder, capsys):
    command = ["suspects", "--config", folder / "config.yaml", "--folds", 3]
    assert run(*command) == 0
    assert capsys.readouterr().out.count(": finished") == 3
    ranked = folder / "runs" / "first-suspects" / "suspects.csv"
    table = pd.read_csv(ranked, dtype=str, keep_default_na=False)
    assert len(table) == 25
    assert run(*command) == 0
    assert "0 of 3 runs to train" in capsys.readouterr().out

    table.assign(exclude=["yes"] + [""] * (len(table) - 1)).to_csv(ranked, index=False)
    out = folder / "runs" / "without"
    assert run("fit", "--config", folder / "config.yaml", "--data.exclude", ranked, "--out", out) == 0
    saved = pd.read_csv(out / "split.csv", dtype=str, keep_default_na=False).set_index("image")
    assert saved.at[table["image"][0], f"{table['attribute'][0]}_true"] == ""
    assert yaml.safe_load((out / "config.yaml").read_text())["data"]["exclude"] == str(ranked)
