"""Two real processes, connected by gloo, train and validate like one."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from multiskin.config import Columns, DataConfig, ModelConfig, Recipe, SplitConfig
from multiskin.data.photos import load_photos
from multiskin.data.preprocessing import Preprocessing
from multiskin.inference.evaluate import evaluate
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.models.checkpoint import write_checkpoint
from multiskin.run import RANKS, RunFolder, first_process

BATCH_NORM, LAYER_NORM = "test_efficientnet", "test_convnext"


@pytest.fixture(scope="module")
def teacher(schema, tmp_path_factory):
    """The path of a checkpoint of a model of both attributes."""
    model = ModelConfig(LAYER_NORM, "none", 32)
    recipes = (Recipe(resample="balanced"),) * len(schema)
    blueprint = Blueprint(schema, model, recipes, tuple((1,) * attribute.grades for attribute in schema))
    torch.manual_seed(0)
    state = {f"net.{name}": weight for name, weight in blueprint.build().state_dict().items()}
    content = {"blueprint": blueprint.to_dict(), "state_dict": state}
    preprocessing = Preprocessing(32, (0.5,) * 3, (0.5,) * 3).to_dict()
    path = tmp_path_factory.mktemp("teacher") / "teacher.ckpt"
    write_checkpoint(content | {"preprocessing": preprocessing}, path)
    return path


@pytest.fixture(scope="module")
def settings(write_settings, teacher, tmp_path_factory):
    return write_settings(
        tmp_path_factory.mktemp("settings"),
        data={"columns": {"ignore": ["subject"]}, "split": {"ratios": [0.5, 0.3, 0.2]}, "draws_per_epoch": 12},
        model={"weights": "none", "input_size": 64},
        recipe={"augment": ["HorizontalFlip"], "dropout": 0, "resample": "balanced"},
        trainer={"accelerator": "cpu"},
        weighting="random",
        distillation={"teachers": [str(teacher)], "weight": 3.0},
        log={"gradients": True},
        test=False,  # one process measures, on one side as on the other
    )


def train(settings, out, backbone, processes):
    """A run with this many processes, which train on two photos per step together."""
    command = [sys.executable, "-m", "multiskin", "fit", "--config", settings, "--out", out]
    command += ["--model.backbone", backbone, "--trainer.devices", processes, "--data.batch_size", 2 // processes]
    environment = {name: value for name, value in os.environ.items() if name not in RANKS} | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=240, env=environment)
    assert done.returncode == 0, done.stderr
    return RunFolder(out), done


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(LAYER_NORM, marks=pytest.mark.processes),
        pytest.param(BATCH_NORM, marks=pytest.mark.slow),
    ],
)
def two(request, settings, tmp_path_factory):
    """The run of two processes, which have different numbers of validation photos and so of batches."""
    return train(settings, tmp_path_factory.mktemp("two") / "run", request.param, 2)


def curves(run):
    """The logs without seconds and gradient cosines, which each process measures on its own part of a batch."""
    table = pd.read_csv(run.curves)
    return table.drop(columns=["train/seconds", "step", "train/cosine/shine/lines"]).groupby("epoch").first()


def test_one_run_is_left_and_one_is_told_of(two):
    run, done = two
    assert done.stdout.count("best checkpoint: ") == 1
    assert done.stdout.count("epoch 1/2") == 1
    assert done.stderr == ""
    assert (run.root / "report.html").is_file()
    assert len(curves(run)) == 2


def test_validation_counts_every_photo_once(two, schema):
    run, _ = two
    root = yaml.safe_load(run.config.read_text())["data"]["root"]
    columns, split = Columns(ignore=["subject"]), SplitConfig([0.5, 0.3, 0.2])
    val = load_photos(DataConfig(root=root, columns=columns, split=split), schema).side("val")
    assert len(val) % 2
    alone = evaluate(Predictor.from_checkpoint(run.best, "cpu"), val, num_workers=0)
    logged = curves(run).loc[torch.load(run.best, weights_only=True)["epoch"]]
    for key, value in alone.metrics.items():
        if not np.isnan(value):
            assert logged[f"val/{key}"] == pytest.approx(value, abs=1e-4), key


@pytest.mark.slow
def test_two_processes_learn_what_one_does(settings, tmp_path, two):
    """Layer norm does not depend on the batch, so results differ only by the order of sums."""
    run, _ = two
    if yaml.safe_load(run.config.read_text())["model"]["backbone"] == BATCH_NORM:
        pytest.skip("each process has batch statistics of its own")
    one, _ = train(settings, tmp_path / "run", LAYER_NORM, 1)
    pd.testing.assert_frame_equal(curves(run), curves(one), atol=1e-3)


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"LOCAL_RANK": "0"}, True),
        ({"LOCAL_RANK": "1"}, False),
        ({"RANK": "8", "LOCAL_RANK": "0"}, False),
        ({"SLURM_PROCID": "3"}, False),
        ({"NODE_RANK": "1", "LOCAL_RANK": "0"}, False),
    ],
)
def test_the_first_process_knows_that_it_is(environment, first, monkeypatch):
    for name in RANKS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert first_process() is first
