"""The command that compares two runs, and the files it writes."""

import shutil

import numpy as np
import pandas as pd
import pytest

from multiskin.cli import main
from multiskin.reports import difference as module
from multiskin.run import RunFolder
from multiskin.schema import Attribute, Schema

DEPTH = Attribute("depth", 3)


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two evaluated runs; the second grades one photo correctly that the first does not."""
    monkeypatch.setattr(module, "RESAMPLES", 100)
    first = RunFolder(tmp_path / "first")
    first.root.mkdir()
    first.config.write_text("data: {}\n")
    Schema((DEPTH,)).save(first.schema)
    true = np.arange(12) % 3
    decided = np.where(np.arange(12) == 4, 2, true)
    p = np.eye(3)[decided]
    columns = dict(zip(DEPTH.prediction_columns, [decided, decided, *p.T], strict=True))
    facts = {"row": np.arange(12), "image": [f"{i}.jpg" for i in range(12)], "depth_true": true}
    pd.DataFrame(facts | columns).to_csv(first.predictions("test"), index=False)
    second = RunFolder(shutil.copytree(first.root, tmp_path / "second"))
    perfect = dict(zip(DEPTH.prediction_columns, [true, true, *np.eye(3)[true].T], strict=True))
    pd.DataFrame(facts | perfect).to_csv(second.predictions("test"), index=False)
    return first, second


def test_a_second_run_is_compared_with_a_first(runs, capsys):
    first, second = runs
    before = {path: path.read_bytes() for path in first.root.iterdir()}
    assert run("difference", first.root, second.root) == 0
    said = capsys.readouterr().out
    assert "second (second) against first (first) on 12 test photos" in said
    assert str(second.root / "difference.html") in said
    assert {path: path.read_bytes() for path in first.root.iterdir()} == before
    table = pd.read_csv(second.root / "difference.csv").set_index(["attribute", "metric"])
    assert table.loc[("depth", "accuracy"), ["first", "second"]].tolist() == pytest.approx([11 / 12, 1], abs=1e-5)
    changed = pd.read_csv(second.root / "difference_photos.csv", dtype=str)
    assert changed[["image", "true", "first", "second", "change"]].to_numpy().tolist() == [
        ["4.jpg", "1", "2", "1", "mended"]
    ]


def test_with_out_both_runs_stay_as_they_are(runs, tmp_path):
    before = {path: path.read_bytes() for each in runs for path in each.root.iterdir()}
    assert run("difference", *(each.root for each in runs), "--out", tmp_path / "new" / "folder") == 0
    assert {path: path.read_bytes() for each in runs for path in each.root.iterdir()} == before
    files = {"difference.csv", "difference.md", "difference.html", "difference_photos.csv"}
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == files


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--side", "tets"], "--side: unknown value 'tets': did you mean 'test'?"),
        (["--grades", "third"], "--grades: unknown value 'third'"),
        (["--side", "val"], "run 'multiskin validate"),
    ],
)
def test_mistakes_get_one_message(runs, capsys, options, words):
    assert run("difference", *(each.root for each in runs), *options) == 2
    assert words in capsys.readouterr().err


def test_a_folder_without_a_run(runs, tmp_path, capsys):
    assert run("difference", tmp_path, runs[1].root) == 2
    assert "no run here" in capsys.readouterr().err
