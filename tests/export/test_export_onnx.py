"""One ONNX file says what the model itself says, and a file that does not is not kept."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from multiskin.config import SkinConfig
from multiskin.errors import UserError
from multiskin.export import graph
from multiskin.export.agreement import Agreement, agreement
from multiskin.export.onnx import card_of, export_int8, export_onnx
from multiskin.inference.predictor import Predictor
from multiskin.portable.card import Card
from multiskin.portable.predictor import OnnxPredictor

Exported = tuple[Path, Agreement]


def test_it_agrees_to_rounding(exported: Exported, photos: list[np.ndarray]) -> None:
    found = exported[1]
    assert found.photos == len(photos)
    assert found.mean <= found.probability < 1e-5
    assert found.map < 1e-5
    assert (found.grades == 1).all()


def test_several_photos_at_once_are_as_each_alone(exported: Exported, photos: list[np.ndarray]) -> None:
    model = OnnxPredictor.from_file(exported[0])
    pixels = np.stack([model.pixels(photo) for photo in photos])
    alone = [model.predict_photo(photo).probabilities[0] for photo in photos]
    np.testing.assert_allclose(model.predict(pixels).probabilities, alone, atol=1e-6)
    assert model.maps(pixels).shape[:2] == (len(photos), 4)


def test_results_of_files_are_those_of_the_model(
    predictor: Predictor, exported: Exported, photos: list[np.ndarray], tmp_path: Path
) -> None:
    for number, photo in enumerate(photos):
        Image.fromarray(photo).save(tmp_path / f"{number}.png")
    paths = sorted(tmp_path.iterdir())
    expected = list(predictor.predict_files(paths))
    found = list(OnnxPredictor.from_file(exported[0]).predict_files(paths))
    for ours, theirs in zip(expected, found, strict=True):
        assert theirs.path == ours.path
        assert (theirs.prediction.grades == ours.prediction.grades).all()
        assert (theirs.sets == ours.sets).all()
        np.testing.assert_allclose(theirs.prediction.scores, ours.prediction.scores, atol=1e-4)


def test_the_file_says_what_it_is_and_nothing_of_this_machine(predictor: Predictor, exported: Exported) -> None:
    model = onnx.load(exported[0])
    onnx.checker.check_model(model, full_check=True)
    metadata = {each.key: each.value for each in model.metadata_props}
    assert Card.from_metadata(metadata, "it") == card_of(predictor)
    assert "medical device" in json.loads(metadata["multiskin.disclaimer"])
    assert "site-packages" not in str(model)
    assert str(Path(__file__).parents[2]) not in str(model)
    names = predictor.schema.names
    assert [each.name for each in model.graph.output] == [*names, *(f"{name}.map" for name in names)]


def test_8_bits_keep_the_heads_and_nearly_the_answers(
    predictor: Predictor, exported: Exported, photos: list[np.ndarray], tmp_path: Path
) -> None:
    found = export_int8(predictor, exported[0], tmp_path / "int8.onnx", photos, photos)
    assert 1e-6 < found.probability < 0.1
    model, plain = onnx.load(tmp_path / "int8.onnx"), onnx.load(exported[0])
    assert sum(each.data_type == onnx.TensorProto.INT8 for each in model.graph.initializer) > 10
    kept = {each.name for each in model.graph.initializer if each.data_type == onnx.TensorProto.FLOAT}
    heads = {each.name for each in plain.graph.initializer if ".heads." in each.name}
    assert heads
    assert heads <= kept
    assert [path.name for path in tmp_path.iterdir()] == ["int8.onnx"]
    card = OnnxPredictor.from_file(tmp_path / "int8.onnx").card
    assert card == replace(card_of(predictor), conformal=None)  # whose thresholds were found with other probabilities


def test_what_differs_is_not_kept(
    predictor: Predictor,
    exported: Exported,
    photos: list[np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    brighter = replace(predictor.preprocessing, mean=(0.6, 0.4, 0.3))
    other = replace(predictor, preprocessing=brighter)
    assert agreement(other, OnnxPredictor.from_file(exported[0]), photos).probability > 1e-4
    monkeypatch.setattr("multiskin.export.onnx.onnx_graph", lambda *_: onnx.load(exported[0]))
    with pytest.raises(UserError, match="not kept, since a probability differs from the original by"):
        export_onnx(other, tmp_path / "model.onnx", photos)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_followed_gets_one_message(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise RuntimeError("no such operator\nat length")

    monkeypatch.setattr(torch.onnx, "export", stop)
    with pytest.raises(UserError, match=r"Odd cannot be exported as ONNX \(RuntimeError: no such operator\)"):
        graph.onnx_graph(graph.traceable(predictor), 64, "Odd")


def test_faces_that_need_torch_are_refused_at_once(predictor: Predictor, tmp_path: Path) -> None:
    cropping = replace(predictor.preprocessing, skin=SkinConfig(crop=True))
    with pytest.raises(UserError, match="MTCNN, which needs torch"):
        export_onnx(replace(predictor, preprocessing=cropping), tmp_path / "model.onnx", [])
