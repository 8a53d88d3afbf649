"""A run folder is created once, found again, and never overwritten."""

import json

import pytest

from multiskin.errors import UserError
from multiskin.run import RunFolder, write_json


@pytest.mark.parametrize("place", ["new", "deep/er/new"])
def test_a_fresh_folder_is_made(place, tmp_path):
    run = RunFolder.create(str(tmp_path / place))
    assert run.root == tmp_path / place
    assert list(run.root.iterdir()) == []
    assert RunFolder.create(run.root) == run  # there, but nothing in it


@pytest.mark.parametrize("place", ["full", "full/file", "full/file/below"])
def test_what_is_there_is_never_written_over(place, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("kept")
    with pytest.raises(UserError, match=rf"^--out {tmp_path / place}: "):
        RunFolder.create(tmp_path / place)
    assert (tmp_path / "full/file").read_text() == "kept"


@pytest.mark.parametrize("place", ["nowhere", "."])
def test_a_folder_without_a_run_is_named(place, tmp_path):
    with pytest.raises(UserError, match=r"no run here \(no config\.yaml\); give the folder that 'fit' wrote"):
        RunFolder.open(tmp_path / place)


def test_a_run_is_found_again(tmp_path):
    run = RunFolder.create(tmp_path / "run")
    run.config.write_text("seed: 0")
    assert RunFolder.open(str(tmp_path / "run")) == run


def test_every_file_has_its_place_in_the_folder(tmp_path):
    run = RunFolder(tmp_path)
    own = [run.config, run.schema, run.split, run.skipped, run.best, run.curves, run.metrics]
    by_name = [run.predictions("val"), run.predictions("test"), run.figure("curves"), run.figure("confusion_val")]
    assert len(set(own + by_name)) == len(own + by_name)
    assert all(path.is_relative_to(tmp_path) for path in own + by_name)
    assert run.best.parent == run.checkpoints
    assert list(tmp_path.iterdir()) == []  # names alone make nothing


def test_what_was_measured_has_predictions_too(tmp_path):
    run = RunFolder(tmp_path)
    write_json(run.metrics, {"val": {}, "test": {}})
    run.predictions("val").touch()
    assert run.measured("val")
    assert not run.measured("test")


@pytest.mark.parametrize("damaged", [b'{"val": {"photos"', b'"val"', b'["val"]', b"\xff\xfe", b""])
def test_results_that_cannot_be_read_are_none(damaged, tmp_path):
    run = RunFolder(tmp_path)
    run.metrics.write_bytes(damaged)
    run.predictions("val").touch()
    assert not run.measured("val")


def test_json_is_for_people_too(tmp_path):
    content = {"유분": {"kappa": 0.5, "p_recall": None}, "photos": 3}
    write_json(tmp_path / "metrics.json", content)
    text = (tmp_path / "metrics.json").read_text(encoding="utf-8")
    assert json.loads(text) == content
    assert "유분" in text
    assert text.count("\n") == 7
    assert text.endswith("}\n")
