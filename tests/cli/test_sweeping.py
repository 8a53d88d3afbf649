"""The command sweep, from its options to its results; only one test trains."""

import os
import stat
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml
from PIL import Image

from multiskin.cli.settings import fit_config
from multiskin.cli.sweeping import sweep
from multiskin.errors import UserError

FIRST = Path(__file__).parents[2] / "configs" / "sweeps" / "first.yaml"
SPACE = "optimizer.lr: {low: 1e-4, high: 1e-2, log: true}\n"
CHOICES = """\
data.batch_size: {choices: [4, 8]}
trainer.ema_decay: {choices: [null, 0.9]}
"""  # all checked before the first run, which takes time
MONITOR = "val/mean/rps_balanced"


@pytest.fixture
def folder(tmp_path, write_settings, monkeypatch):
    """The working directory of the command: a config, its schema and a space."""
    write_settings(
        tmp_path,
        out="runs/first",
        model={"backbone": "test_efficientnet", "weights": "none", "input_size": 48},
        trainer={"accelerator": "cpu", "precision": "32-true"},
    )
    (tmp_path / "space.yaml").write_text(SPACE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trained(monkeypatch):
    """Replaces the training of trials: the second one fails, and the smallest learning rate is the best."""

    def train(search, total, at_once, tell):
        while trial := search.take(total):
            if trial.number == 1:
                search.fail(trial)
            else:
                trial.run.curves.parent.mkdir()
                trial.run.curves.write_text(f"epoch,{MONITOR}\n0,{trial.options['optimizer.lr']}\n")
                search.finish(trial)
        return {"trial-0001": "the loss is not finite"}

    monkeypatch.setattr("multiskin.search.trials.train", train)


def given(*arguments):
    return ["--config", "config.yaml", "--space", "space.yaml", *arguments]


@pytest.mark.slow
def test_a_sweep_leaves_the_best_settings_a_table_and_figures(folder, trained, capsys):
    (folder / "space.yaml").write_text(SPACE + CHOICES)
    sweep(given("--trials", "13", "--out", "runs/sweep", "--optimizer.weight_decay", "0.1"))
    out = folder / "runs" / "sweep"
    table = pd.read_csv(out / "trials.csv").sort_values(MONITOR)
    assert len(table) == 13
    best = fit_config("fit", "", ["--config", str(out / "best.yaml")])[0]
    assert best.optimizer.lr == table["optimizer.lr"].iloc[0]
    assert best.optimizer.weight_decay == 0.1
    assert best.test
    assert not (folder / best.out).exists()
    for name in ("parallel_coordinates", "importances"):
        with Image.open(out / "figures" / f"{name}.png") as picture:
            assert picture.width > 400
    said = capsys.readouterr()
    assert table["trial"].iloc[0] in said.out
    assert "multiskin fit --config runs/sweep/best.yaml" in said.out
    assert "warning: trial-0001: the loss is not finite" in said.err


def test_the_default_folder_is_beside_that_of_the_config(folder, trained):
    sweep(given("--trials", "3"))
    assert (folder / "runs" / "first-sweep" / "best.yaml").is_file()


def test_names_can_be_searched_as_the_first_space_does(folder):
    sweep(["--config", "config.yaml", "--space", str(FIRST), "--wandb", "w.yaml"])
    assert yaml.safe_load((folder / "w.yaml").read_text())["parameters"]["optimizer.name"]["values"][0] == "adamw"


def test_a_sweep_without_finished_trials_is_an_error(folder, monkeypatch):
    monkeypatch.setattr("multiskin.search.trials.train", lambda *_: {"trial-0000": "no"})
    with pytest.raises(UserError, match=r"no trial has finished"):
        sweep(given())


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("data.batch_size: {choices: [4, 4.5]}", r"^--space: data\.batch_size: give a whole number, not '4\.5'"),
        ("trainer.max_epochs: {low: 0, high: 4}", r"--space: trainer\.max_epochs.*at least 1"),
        ("model.backbone: {choices: [test_efficientnet, resnett18]}", "unknown backbone 'resnett18'"),
        ("heads.lines.loss: {choices: [focal, fokal]}", "unknown loss 'fokal': did you mean 'focal'"),
        ("recipe.augment: {choices: [[Resize], [Resise]]}", "unknown transform 'Resise': did you mean 'Resize'"),
    ],
)
def test_invalid_values_are_refused_before_the_first_trial(folder, space, message):
    (folder / "space.yaml").write_text(space)
    with pytest.raises(UserError, match=message):
        sweep(given())
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trials", "0"], "trials"),
        (["--jobs", "0"], "jobs"),
        (["--ckpt_path", "last"], "resumes when it is started again"),
        (["--wandb", "space.yaml"], "already exists"),
        (["--wandb", "w.yaml", "--offline"], "leave --offline out"),
        (["--wandb", "w.yaml", "--jobs", "2"], "start several agents"),
    ],
)
def test_conflicting_options_are_named(folder, arguments, message):
    with pytest.raises(UserError, match=message):
        sweep(given(*arguments))


def test_a_space_is_required(folder):
    with pytest.raises(UserError, match="space"):
        sweep(["--config", "config.yaml"])


@pytest.mark.parametrize("package", ["optuna", "sklearn"])
def test_missing_packages_are_named(folder, monkeypatch, package):
    monkeypatch.setattr("multiskin.cli.sweeping.find_spec", lambda name: None if name == package else "there")
    with pytest.raises(UserError, match=rf"{package} is not installed; run: pip install 'multiskin\[sweep\]'"):
        sweep(given())


@pytest.mark.slow
def test_a_wandb_agent_trains_each_run_in_its_own_folder(folder, monkeypatch):
    """The command that the agent makes from the file is run by a program that prints its arguments."""
    utils = pytest.importorskip("wandb.sdk.launch.sweeps.utils")  # which takes seconds
    monkeypatch.setattr("multiskin.cli.sweeping.find_spec", lambda name: None)  # which it takes no other package for
    (folder / "space.yaml").write_text(SPACE + CHOICES + "heads.lines.share: {low: 1, high: 2}\n")
    sweep(given("--wandb", "w.yaml", "--trials=7", "--out", "my runs", "--trainer.patience", "3"))
    content = yaml.safe_load((folder / "w.yaml").read_text())
    assert content["metric"] == {"name": MONITOR, "goal": "minimize"}
    assert content["run_cap"] == 7
    assert not (folder / "my runs").exists()
    drawn = {"optimizer.lr": 0.0012, "data.batch_size": 4, "trainer.ema_decay": "null", "heads.lines.share": 1.5}
    flags = utils.create_sweep_command_args({"args": {option: {"value": value} for option, value in drawn.items()}})
    command = []
    for word in utils.create_sweep_command(content["command"]):
        command += flags[word[2:-1]] if word.startswith("${") else [word]
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    environment = os.environ | {"PATH": f"{python.parent}:{os.environ['PATH']}", "WANDB_RUN_ID": "a1b2"}
    words = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert words[:3] == ["-m", "multiskin", "fit"]
    config = fit_config("fit", "", words[3:])[0]
    assert (config.out, config.test, config.log.logger) == ("my runs/a1b2", False, ["wandb"])
    assert (config.optimizer.lr, config.data.batch_size, config.trainer.ema_decay) == (0.0012, 4, None)
    assert (config.trainer.patience, config.heads) == (3, {"lines": {"share": 1.5}})


@pytest.mark.slow
def test_from_settings_to_the_best_model(folder, capsys):
    sweep(given("--trials", "2", "--jobs", "2", "--out", "sweep", "--trainer.max_epochs", "1"))
    table = pd.read_csv(folder / "sweep" / "trials.csv")
    for name, value in zip(table["trial"], table[MONITOR], strict=True):
        run = folder / "sweep" / "runs" / name
        assert pd.read_csv(run / "logs" / "metrics.csv")[MONITOR].min() == value
        assert (run / "checkpoints" / "best.ckpt").is_file()
    assert "the best of 2 trials" in capsys.readouterr().out
