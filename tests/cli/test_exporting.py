"""The export command end to end: a file and a folder that predict as the run does, and the messages for mistakes."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from multiskin.cli import main
from multiskin.conformal.prediction import ConformalSets, Threshold


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(untrained_run):
    return untrained_run(3)


def predicted(model: Path, photos: Path, out: Path) -> list[dict[str, str]]:
    assert run("predict", model, photos, "--out", out, "--num_workers", 0) == 0
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def test_an_export_predicts_as_the_run_does(trained, graded_folder, tmp_path, capsys):
    file, folder = tmp_path / "new" / "model.onnx", tmp_path / "hub"
    assert run("export", trained.root, "--out", file) == 0
    said = capsys.readouterr()
    assert "shine: the same grade on 100.0%" in said.out
    assert said.out.splitlines()[-1] == str(file)
    assert "drawn" not in said.err
    assert run("export", trained.root, "--out", folder) == 0
    expected, *others = (
        predicted(model, graded_folder / "images", tmp_path / f"{number}.csv")
        for number, model in enumerate((trained.root, file, folder))
    )
    for found in others:
        for ours, theirs in zip(expected, found, strict=True):
            assert ours.keys() == theirs.keys()
            assert all(ours[key] == theirs[key] for key in ("image", "shine", "lines", "error"))
            numbers = [key for key in ours if "_" in key]
            np.testing.assert_allclose(*([float(of[key]) for key in numbers] for of in (ours, theirs)), atol=1e-4)


def test_mistakes_get_one_message(trained, tmp_path, failure):
    (tmp_path / "there.onnx").touch()
    out = tmp_path / "new.onnx"
    for arguments, words in {
        (trained.root, "--out", tmp_path / "there.onnx"): "there is something already",
        (trained.root, "--out", tmp_path): "there is something already",
        (trained.root, "--out", tmp_path / "new", "--int8"): "--int8: needs an --out that ends in .onnx",
        (trained.best, "--out", out, "--int8"): "--int8: needs photos of the run",
        (trained.root, "--out", out, "--int8", "--root", tmp_path): "--int8: needs photos of the run",
        (trained.root, "--out", tmp_path / "new", "--root", tmp_path): "--root: only for exporting a run to ONNX",
        (trained.best, "--out", out, "--root", tmp_path): "--root: only for exporting a run to ONNX",
        (tmp_path, "--out", out): "no run here",
        (trained.root,): "required: --out",
    }.items():
        assert words in failure("export", *arguments)
    assert not out.exists()


@pytest.mark.parametrize("with_sets", [True, False])
def test_quantization_warns_that_sets_are_left_out_if_there_are_any(
    with_sets, untrained_run, schema, tmp_path, monkeypatch, capsys
):
    def stop(*_):
        raise KeyboardInterrupt

    sets = ConformalSets(schema, 0.8, None, {name: {"all": Threshold(0.5, 9, 9)} for name in schema.names})
    model = untrained_run(3, **({"conformal": sets.to_dict()} if with_sets else {}))
    monkeypatch.setattr("multiskin.export.onnx.export_onnx", stop)
    assert run("export", model.root, "--out", tmp_path / "int8.onnx", "--int8") == 130
    warning = "multiskin: warning: --int8: no sets of grades are given"
    assert capsys.readouterr().err.count(warning) == with_sets


def test_quantization_is_calibrated_on_training_photos_and_compared_on_others(trained, tmp_path, monkeypatch, capsys):
    """The functions that write the files are slow and have their own tests."""
    given = {}

    def plain(predictor, path, photos):
        path.touch()
        given["compared"] = photos

    def int8(predictor, source, path, photos, learned):
        assert source.exists()
        assert photos is given["compared"]
        given["learned"] = learned
        raise KeyboardInterrupt

    monkeypatch.setattr("multiskin.export.onnx.export_onnx", plain)
    monkeypatch.setattr("multiskin.export.onnx.export_int8", int8)
    assert run("export", trained.root, "--out", tmp_path / "int8.onnx", "--int8") == 130
    with trained.split.open(newline="") as file:
        sides = [row["split"] for row in csv.DictReader(file)]
    assert (len(given["compared"]), len(given["learned"])) == (sides.count("val"), sides.count("train"))
    assert list(tmp_path.iterdir()) == []


def test_without_the_runs_photos_it_is_compared_on_drawn_photos(trained, tmp_path, monkeypatch, capsys):
    alone = shutil.copy(trained.best, tmp_path / "model.ckpt")
    seen = []

    def plain(predictor, path, photos):
        seen.extend(photos)
        raise KeyboardInterrupt

    monkeypatch.setattr("multiskin.export.onnx.export_onnx", plain)
    assert run("export", alone, "--out", tmp_path / "model.onnx") == 130
    assert "compared with the model on drawn photos" in capsys.readouterr().err
    assert all(photo.dtype == np.uint8 and photo.ndim == 3 for photo in seen)
    assert len(seen) > 2
