"""Photos to grades with ONNX Runtime alone."""

import csv
import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from multiskin.cli import main
from multiskin.config import SkinConfig
from multiskin.conformal.prediction import Threshold
from multiskin.errors import UserError
from multiskin.portable.card import Card
from multiskin.portable.predictor import OnnxPredictor
from multiskin.schema import Attribute, Schema


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five photos, of other colours and sizes, and two that are none."""
    random = np.random.default_rng(1)
    for number in range(5):
        noise = random.integers(0, 256, (3,)) + random.integers(-9, 9, (20 + number, 30, 3))
        Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "2a.jpg").write_bytes(b"\xff\xd8\xff no")
    (tmp_path / "4a.png").touch()
    return tmp_path


@pytest.mark.parametrize("batch_size", [1, 3, 32])
@pytest.mark.parametrize("workers", [0, 2, None])
def test_files_are_graded_in_order_and_a_bad_one_costs_one_line(
    model: Path, folder: Path, batch_size: int, workers: int | None
) -> None:
    predictor = OnnxPredictor.from_file(model)
    paths = sorted(folder.iterdir())
    results = list(predictor.predict_files(paths, batch_size, workers))
    assert [result.path for result in results] == [str(path) for path in paths]
    for path, result in zip(paths, results, strict=True):
        if path.stem.endswith("a"):
            assert result.prediction is None
            assert result.error.startswith(str(path))
            continue
        expected = predictor.predict_photo(np.asarray(Image.open(path)))
        np.testing.assert_allclose(result.prediction.probabilities, expected.probabilities, atol=1e-6)
        assert (result.prediction.grades == expected.grades).all()


def test_what_probabilities_mean(model: Path, folder: Path) -> None:
    predictor = OnnxPredictor.from_file(model)
    prediction = predictor.predict_photo(np.asarray(Image.open(folder / "0.png")))
    p = prediction.probabilities[0]
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert prediction.scores[0, 0] == pytest.approx(sum(k * p[0, k] for k in range(5)), abs=1e-6)
    assert np.isnan(prediction.scores[0, 2])
    assert prediction.grades[0, 2] == p[2].argmax()
    assert prediction.grades[0, 0] == next(k for k in range(5) if p[0, : k + 1].sum() >= 0.5 - 1e-6)
    sets = predictor.sets(prediction)
    assert sets[0, np.arange(3), prediction.grades[0]].all()
    assert not predictor.has_maps


def test_another_decision_can_be_asked_for(model: Path, folder: Path) -> None:
    predictor = OnnxPredictor.from_file(model)
    photo = np.asarray(Image.open(folder / "1.png"))
    by_mode = predictor.with_decisions({"shine": "argmax"}).predict_photo(photo)
    assert by_mode.grades[0, 0] == by_mode.probabilities[0, 0].argmax()
    for name, decision in (("shin", "argmax"), ("shine", "mode"), ("kind", "median")):
        with pytest.raises(UserError):
            predictor.with_decisions({name: decision})


def test_sets_are_those_of_a_group_if_one_is_told(model: Path, folder: Path) -> None:
    predictor = OnnxPredictor.from_file(model)
    prediction = predictor.predict_photo(np.asarray(Image.open(folder / "1.png")))
    known = {"light": Threshold(0.0, 9, 9), "dark": Threshold(1.0, 9, 9)}
    by_tone = replace(predictor.conformal, by="tone", thresholds=dict.fromkeys(predictor.schema.names, known))
    grouped = replace(predictor, card=replace(predictor.card, conformal=by_tone))
    sizes = {tone: grouped.for_group(tone).sets(prediction).sum() for tone in known}
    assert sizes["light"] < sizes["dark"] == grouped.sets(prediction).sum()
    with pytest.raises(UserError, match="unknown value of tone 'blue'"):
        grouped.for_group("blue")


def test_other_credit_can_be_asked_for(model: Path, folder: Path) -> None:
    predictor = OnnxPredictor.from_file(model)
    photo = np.asarray(Image.open(folder / "1.png"))
    k = predictor.schema["shine"].grades
    for grade in range(k):  # the only one that earns anything
        earned = tuple(tuple(float(decided == grade) for decided in range(k)) for _ in range(k))
        assert predictor.with_credit({"shine": earned}).predict_photo(photo).grades[0, 0] == grade
    kinds = predictor.schema["kind"].grades
    for name, credit, words in (
        ("shin", earned, "unknown attribute 'shin'"),
        ("kind", ((0.0,) * kinds,) * kinds, "needs ordered grades"),
        ("shine", earned[1:], "credit: shine: give 5 rows"),
    ):
        with pytest.raises(UserError, match=words):
            predictor.with_credit({name: credit})


PROGRAM = """
import sys
from multiskin.cli import main
from multiskin.config import SkinConfig
status = main(sys.argv[1:])
heavy = {"torch", "torchvision", "albumentations", "pandas", "pyarrow", "scipy", "timm", "rich"} & set(sys.modules)
sys.exit(status or (f"imported: {heavy}" if heavy else 0))
"""


def test_the_command_imports_neither_torch_nor_what_takes_as_long(model: Path, folder: Path) -> None:
    arguments = [sys.executable, "-c", PROGRAM, "predict", str(model), *map(str, sorted(folder.glob("*.*g")))]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == [
        "image",
        *(f"shine{end}" for end in ("", "_score", *(f"_p{grade}" for grade in range(5)), "_low", "_high")),
        *(f"lines{end}" for end in ("", "_score", *(f"_p{grade}" for grade in range(3)), "_low", "_high")),
        *(f"kind{end}" for end in ("", *(f"_p{grade}" for grade in range(4)), "_set")),
        "look",
        "error",
    ]
    assert [bool(row["error"]) for row in rows] == [False, False, False, True, False, False, True]
    assert "2 of 7 photos could not be read" in done.stderr


def failure(capsys: pytest.CaptureFixture, *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 2
    return capsys.readouterr().err


def test_mistakes_get_one_message(model: Path, folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / "not.onnx").write_bytes(b"not a model")
    photo = folder / "0.png"
    for arguments, words in {
        ("gone.onnx", photo): "gone.onnx: no such file",
        (folder / "not.onnx", photo): "not a valid ONNX file",
        (model, photo, "--device", "cuda"): "--device cuda: .onnx files run on the CPU",
        (model, photo, "--decision", "shin=median"): "unknown attribute 'shin'",
        (model, folder / "4a.png"): "none of 1 photos could be read",
    }.items():
        assert words in failure(capsys, "predict", *arguments)


def test_a_file_whose_outputs_are_others_is_refused(
    tmp_path: Path, write_model: Callable[..., Path], graded: Schema, card: Card
) -> None:
    for other in (Schema(graded.attributes[:2]), Schema((Attribute("shine", 4), *graded.attributes[1:]))):
        path = write_model(tmp_path / "other.onnx", other, card.to_metadata())
        with pytest.raises(UserError, match="does not match its own schema"):
            OnnxPredictor.from_file(path)
    larger = replace(card, preprocessing=replace(card.preprocessing, input_size=32))
    path = write_model(tmp_path / "larger.onnx", graded, larger.to_metadata())
    with pytest.raises(UserError, match="'image' does not match"):
        OnnxPredictor.from_file(path)
    with pytest.raises(UserError, match="not a model of multiskin"):
        OnnxPredictor.from_file(write_model(tmp_path / "bare.onnx", graded, {}))


def test_without_the_runtime_it_says_what_to_install(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"pip install 'multiskin\[onnx\]'"):
        OnnxPredictor.from_file(model)


def test_a_detector_is_looked_for_beside_the_model_and_nowhere_else(
    tmp_path: Path, write_model: Callable[..., Path], graded: Schema, card: Card
) -> None:
    skin = SkinConfig(crop=True, detector="/somewhere/else/yunet.onnx")
    looking = replace(card, preprocessing=replace(card.preprocessing, skin=skin))
    path = write_model(tmp_path / "model.onnx", graded, looking.to_metadata())
    for given, place in ((None, tmp_path / "yunet.onnx"), (str(tmp_path / "now.onnx"), tmp_path / "now.onnx")):
        with pytest.raises(UserError, match=f"'{place}': no such file"):
            OnnxPredictor.from_file(path, given)
    assert looking.preprocessing.for_others().skin == replace(skin, detector="yunet.onnx")
    assert card.preprocessing.for_others() == card.preprocessing
