"""Finished runs without training: their files are written as fit leaves them."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from multiskin.compare.runs import Runs
from multiskin.config import ModelConfig, Recipe
from multiskin.data.transforms import Preprocessing
from multiskin.models.blueprint import Blueprint
from multiskin.run import RunFolder, write_json

PREPROCESSING = Preprocessing(32, (0.5,) * 3, (0.5,) * 3)


@pytest.fixture
def runs(tmp_path):
    runs = Runs(tmp_path / "compare", "test", "compare")
    with runs.opened():
        yield runs


@pytest.fixture(scope="session")
def finish_in():
    """Writes the folder of a finished run, whose predictions are right with the given probability."""

    def finish(runs, run, right=0.5):
        settings = yaml.safe_load(runs.write_settings(run).read_text())
        folder = runs.folder(run)
        folder.checkpoints.mkdir(parents=True)
        folder.curves.parent.mkdir()
        folder.config.write_text(yaml.safe_dump(settings))
        pd.DataFrame({"epoch": [0, 1], "train/seconds": [2.0, 3.0]}).to_csv(folder.curves, index=False)
        _save_checkpoint(folder, run)
        answers, heads = _answers(run, right)
        answers.to_csv(folder.predictions("test"), index=False)
        write_json(folder.metrics, {"test": {"photos": len(answers), "heads": heads}})
        return folder

    return finish


@pytest.fixture
def finish(runs, finish_in):
    return partial(finish_in, runs)


def _save_checkpoint(folder: RunFolder, run) -> None:
    blueprint = Blueprint(
        run.schema,
        ModelConfig("test_efficientnet", "none", 32),
        tuple(Recipe() for _ in run.schema),
        tuple((1,) * attribute.grades for attribute in run.schema),
    )
    state = {f"net.{name}": value for name, value in blueprint.build().state_dict().items()}
    parts = {"blueprint": blueprint.to_dict(), "preprocessing": PREPROCESSING.to_dict(), "state_dict": state}
    torch.save(parts, folder.best)


def _answers(run, right):
    """Predictions for every test photo, and their metrics."""
    random = np.random.default_rng(int(run.digest, 16))
    table = run.table[run.table["split"] == "test"]
    columns, heads = {"row": range(len(table)), "image": table["image"], "subject": table["subject"]}, {}
    for attribute in run.schema:
        true = pd.to_numeric(table[attribute.heading])
        wrong = random.integers(0, attribute.grades, len(table))
        decided = np.where(random.random(len(table)) < right, true.fillna(0), wrong).astype(int)
        columns[attribute.true_column] = true.astype("Int64")
        probabilities = np.eye(attribute.grades)[decided]
        columns |= dict(zip(attribute.prediction_columns, [decided, decided, *probabilities.T], strict=True))
        heads[attribute.name] = json.loads((_metrics(true, decided)).to_json())
    return pd.DataFrame(columns), heads


def _metrics(true, decided) -> pd.Series:
    graded = true.notna()
    error = (true[graded] - decided[graded]).abs()
    names = ("p_recall", "kappa", "macro_mae", "rps", "p_recall_constant")
    return pd.Series({"mae": error.mean(), "accuracy": (error == 0).mean()} | dict.fromkeys(names, 0.25))
