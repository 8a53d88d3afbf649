"""An exported model sees several views of a photo as the model itself does."""

from pathlib import Path

import numpy as np
import pytest

from multiskin.errors import UserError
from multiskin.export.agreement import Agreement
from multiskin.export.onnx import export_onnx
from multiskin.inference.predictor import Predictor
from multiskin.portable.predictor import OnnxPredictor
from multiskin.portable.views import VIEWS

Exported = tuple[Path, Agreement]


@pytest.fixture(scope="module")
def uncalibrated(predictor: Predictor, photos: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("views") / "model.onnx"
    export_onnx(predictor.uncalibrated(), path, photos[:1])
    return path


@pytest.mark.parametrize("name", VIEWS)
def test_it_says_what_the_model_says(
    name: str, predictor: Predictor, uncalibrated: Path, photos: list[np.ndarray]
) -> None:
    ours, theirs = predictor.uncalibrated().with_views(name), OnnxPredictor.from_file(uncalibrated).with_views(name)
    for photo in photos:
        expected, found = ours.predict_photo(photo), theirs.predict_photo(photo)
        np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-4)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
        np.testing.assert_array_equal(found.grades, expected.grades)


def test_what_a_file_gives_calibrated_is_averaged_so(exported: Exported, photos: list[np.ndarray]) -> None:
    model = OnnxPredictor.from_file(exported[0])
    pixels = np.stack([model.pixels(photo) for photo in photos])
    upright = [pixels, pixels[:, :, ::-1], pixels[:, ::-1], pixels[:, ::-1, ::-1]]
    turned = [np.swapaxes(view, 1, 2) for view in upright]
    each = [model.predict(np.ascontiguousarray(view)).probabilities for view in (*upright, *turned)]
    assert np.std(each, axis=0).max() > 0.001, "a network that does not see the difference tests nothing"
    found = model.with_views("dihedral").predict(pixels)
    np.testing.assert_allclose(found.probabilities, np.mean(each, axis=0), atol=1e-5)


def test_it_tells_no_sets_and_keeps_its_own_ways(exported: Exported, photos: list[np.ndarray]) -> None:
    model = OnnxPredictor.from_file(exported[0]).with_decisions({"shine": "argmax"})
    every_view = model.with_views("mirror")
    prediction = every_view.predict_photo(photos[2])
    assert model.sets(prediction) is not None
    assert every_view.sets(prediction) is None
    assert prediction.grades[0, 0] == prediction.probabilities[0, 0].argmax()
    with pytest.raises(UserError, match="unknown views 'rotate'"):
        model.with_views("rotate")
