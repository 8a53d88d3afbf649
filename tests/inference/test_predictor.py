"""Any checkpoint of a run predicts as its network does, and any other file gets one message."""

import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from multiskin.config import SkinConfig
from multiskin.data.images import read_image
from multiskin.errors import UserError
from multiskin.inference.predictor import Prediction, Predictor, find_device
from multiskin.schema import Attribute, Schema

ROUNDING = 1e-4  # other batches, other orders of summation


def assert_same(one: Prediction, other: Prediction) -> None:
    np.testing.assert_array_equal(one.grades, other.grades)
    np.testing.assert_allclose(one.scores, other.scores, atol=ROUNDING)
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=ROUNDING)


# ------------------------------------------------------------------------------------------------------- the checkpoint


def test_the_face_detectors_file_may_have_moved(checkpoint: Path) -> None:
    predictor = Predictor.from_checkpoint(checkpoint, detector="elsewhere.onnx")
    plain = Predictor.from_checkpoint(checkpoint).preprocessing
    assert predictor.preprocessing == replace(plain, skin=SkinConfig(detector="elsewhere.onnx"))


def test_a_checkpoint_restores_the_network(checkpoint: Path, schema: Schema) -> None:
    predictor = Predictor.from_checkpoint(checkpoint)
    saved = torch.load(checkpoint, weights_only=True)["state_dict"]
    expected = {name.removeprefix("net."): tensor for name, tensor in saved.items() if name.startswith("net.")}
    torch.testing.assert_close(dict(predictor.net.cpu().state_dict()), expected, rtol=0, atol=0)
    assert not predictor.net.training
    assert predictor.schema == schema
    assert predictor.preprocessing.to_dict() == {
        "input_size": 64,
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.3, 0.4],
        "steps": ["Resize"],
        "skin": {"crop": False, "only": False, "detector": None},
    }


def damaged(content: dict, change: str) -> bytes:
    if change == "no blueprint":
        del content["blueprint"]
    elif change == "a weight less":
        del content["state_dict"]["net.heads.0.linear.bias"]
    elif change == "an option unknown":
        content["blueprint"]["model"]["patch"] = 16
    elif change == "no mean":
        del content["preprocessing"]["mean"]
    file = io.BytesIO()
    torch.save([content] if change == "no mapping" else content, file)
    return file.getvalue()[:-1000] if change == "cut short" else file.getvalue()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("no blueprint", "not a checkpoint of multiskin"),
        ("no mapping", "not a checkpoint of multiskin"),
        ("cut short", "not readable"),
        ("a weight less", "damaged, or of another version"),
        ("an option unknown", "damaged, or of another version"),
        ("no mean", "damaged, or of another version"),
    ],
)
def test_a_damaged_checkpoint_gets_one_message(change: str, reason: str, checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.ckpt"
    path.write_bytes(damaged(torch.load(checkpoint, weights_only=True), change))
    with pytest.raises(
        UserError, match=rf"checkpoint .*damaged\.ckpt: {reason}.*give a \.ckpt file of a run"
    ) as caught:
        Predictor.from_checkpoint(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"a text", b"PK\x03\x04", pickle.dumps({"a": 1})])
def test_other_files_get_one_message(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"checkpoint .*other\.ckpt: not (readable|one of multiskin's)"):
        Predictor.from_checkpoint(path)


def test_a_missing_file_and_a_folder_get_one_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"checkpoint .*gone\.ckpt: No such file"):
        Predictor.from_checkpoint(tmp_path / "gone.ckpt")
    with pytest.raises(UserError, match=r"config\.json: No such file"):
        Predictor.from_checkpoint(tmp_path)


class Bait:
    """Creates a file if it is unpickled unsafely."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


def test_a_pickle_runs_no_code(checkpoint: Path, tmp_path: Path) -> None:
    path, sprung = tmp_path / "model.ckpt", tmp_path / "sprung"
    torch.save(torch.load(checkpoint, weights_only=True) | {"bait": Bait(sprung)}, path)
    torch.load(path, weights_only=False)
    assert sprung.exists(), "the bait does not work, so this test says nothing"
    sprung.unlink()
    with pytest.raises(UserError, match=r"model\.ckpt: not readable"):
        Predictor.from_checkpoint(path)
    assert not sprung.exists()


@pytest.mark.parametrize("name", ["gpu", "cuda:97", ""])
def test_an_unavailable_device_gets_one_message(name: str, checkpoint: Path) -> None:
    with pytest.raises(UserError, match=f"device '{name}': .*auto, cpu or cuda"):
        Predictor.from_checkpoint(checkpoint, name)


def test_auto_is_a_device_that_works() -> None:
    assert torch.zeros(1, device=find_device("auto")).item() == 0


# ---------------------------------------------------------------------------------------------------------- predictions


def test_predictions_match_the_network_and_its_heads(predictor: Predictor) -> None:
    brightness = torch.linspace(-4, 4, 5)[:, None, None, None]
    images = brightness + torch.randn(5, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    found = predictor.predict(images)
    with torch.no_grad():
        logits = predictor.net(images).logits
    assert found.probabilities.shape == (5, 2, 5)
    for h, attribute in enumerate(predictor.schema):
        k = attribute.grades
        for row, p in enumerate(logits[attribute.name].softmax(dim=1).tolist()):
            np.testing.assert_allclose(found.probabilities[row, h, :k], p, atol=ROUNDING)
            assert found.scores[row, h] == pytest.approx(sum(grade * p[grade] for grade in range(k)), abs=ROUNDING)
            median = next(grade for grade in range(k) if sum(p[: grade + 1]) >= 0.5 - 1e-5)
            assert found.grades[row, h] == median
    assert (found.probabilities[:, 1, 3:] == 0).all()
    assert found.grades.dtype == np.int64
    assert len(np.unique(found.grades[:, 0])) > 1, "a network that says one thing of all images tests nothing"


def test_a_nominal_attribute_has_no_score(predictor_of: Callable[[Schema], Predictor], photo: np.ndarray) -> None:
    schema = Schema((Attribute("kind", 4, kind="nominal"), Attribute("shine", 3)))
    found = predictor_of(schema).predict_photo(photo)
    assert np.isnan(found.scores[0]).tolist() == [True, False]
    assert found.grades[0, 0] == found.probabilities[0, 0].argmax()


@pytest.fixture
def files(graded_folder: Path, tmp_path: Path) -> list[Path]:
    """Eleven files, four of which are not pictures."""
    good = sorted((graded_folder / "images").iterdir())[:7]
    whole = good[0].read_bytes()
    bad = {"gone.png": None, "text.jpg": b"a text", "half.png": whole[: len(whole) // 2], "사진.png": b""}
    for name, content in bad.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
    gone, text, half, empty = (tmp_path / name for name in bad)
    return [good[0], gone, good[1], text, half, empty, good[2], good[3], good[4], good[5], good[6]]


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (2, 0), (3, 2), (32, 0), (32, 2)])
def test_results_are_in_the_order_of_files_whatever_the_batch_size(
    batch_size: int, workers: int, files: list[Path], predictor: Predictor
) -> None:
    results = list(predictor.predict_files(files, batch_size, workers))
    assert [result.path for result in results] == [str(path) for path in files]
    bad = {1: "no such file", 3: "not a JPEG", 4: "damaged or cut short", 5: "the file is empty"}
    for number, (path, result) in enumerate(zip(files, results, strict=True)):
        if number in bad:
            assert result.prediction is None
            assert bad[number] in result.error
            assert str(path) in result.error
        else:
            assert result.error == ""
            assert result.prediction is not None
            assert_same(result.prediction, predictor.predict_photo(read_image(path)))


def test_without_a_readable_file_there_are_only_errors(files: list[Path], predictor: Predictor) -> None:
    results = list(predictor.predict_files([files[1], files[3], files[5]], batch_size=2, num_workers=0))
    assert [result.prediction for result in results] == [None] * 3
    assert list(predictor.predict_files([], num_workers=0)) == []


def test_pixels_and_a_lossless_file_of_them_are_the_same_photo(
    predictor: Predictor, photo: np.ndarray, tmp_path: Path
) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    [result] = predictor.predict_files([tmp_path / "photo.png"], num_workers=0)
    assert result.prediction is not None
    assert_same(result.prediction, predictor.predict_photo(photo))
    darker = predictor.predict_photo(photo // 4)
    assert not np.allclose(darker.probabilities, result.prediction.probabilities, atol=1e-3)


@pytest.mark.slow
def test_needs_no_training_tools() -> None:
    code = "import sys, multiskin.inference.predictor; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "torch" in loaded
    tools = {"pytorch_lightning", "torchmetrics", "jsonargparse", "matplotlib", "rich", "gradio", "captum", "sklearn"}
    assert tools.isdisjoint(loaded)
