"""Explanations of photo files."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from multiskin.config import ModelConfig, Recipe, SkinConfig
from multiskin.data.transforms import Preprocessing
from multiskin.errors import UserError
from multiskin.explain.cam import head_maps
from multiskin.explain.geometry import Box
from multiskin.explain.photos import ExplainedPhoto, UnreadPhoto, explain_files, prepare, scaled
from multiskin.explain.scalars import class_logit, probability
from multiskin.faces import DetectedFace, step
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.schema import Schema


def predictor_of(schema: Schema, size: int, *steps) -> Predictor:
    torch.manual_seed(size)
    model = ModelConfig("test_efficientnet", weights="none", input_size=size)
    net = Blueprint(schema, model, (Recipe(),) * len(schema), tuple((1,) * each.grades for each in schema)).build()
    for _, head in net.named_heads():
        torch.nn.init.normal_(head.linear.weight)
    preprocessing = Preprocessing(size, (0.5,) * 3, (0.2,) * 3, steps or ("Resize",))
    return Predictor(net.eval(), preprocessing, torch.device("cpu"))


@pytest.fixture(scope="module")
def predictors(schema: Schema) -> list[Predictor]:
    """Two models; the second has its attributes in reverse order and sees another part of the photo at another size."""
    reversed_schema = Schema(schema.attributes[::-1])
    return [predictor_of(schema, 64), predictor_of(reversed_schema, 48, {"CenterCrop": {"size": 40}})]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for number in range(5):
        pixels = np.random.default_rng(number).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    return [tmp_path / f"{name}.png" for name in (0, 1, "bad", 2, 3, 4)]


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_every_model_predicts_the_same_as_alone(
    predictors: list[Predictor], files: list[Path], batch_size: int
) -> None:
    found = list(explain_files(predictors, files, batch_size=batch_size))
    assert [Path(each.path) for each in found] == files
    assert [isinstance(each, UnreadPhoto) for each in found] == [file.stem == "bad" for file in files]
    for photo, file in zip(found, files, strict=True):
        if isinstance(photo, UnreadPhoto):
            assert photo.error == f"{file}: {photo.reason}"
            assert photo.reason.startswith("not a ")
            continue
        pixels = np.asarray(Image.open(file))
        for predictor, by_name in zip(predictors, photo.explanations, strict=True):
            image = predictor.transform()(pixels, seed=0)[None]
            alone, maps = predictor.predict_photo(pixels), head_maps(predictor.net, image)
            assert list(by_name) == list(predictor.schema.names)
            for h, head in enumerate(by_name.values()):
                assert head.grade == alone.grades[0, h]
                assert head.score == pytest.approx(alone.scores[0, h], abs=1e-4)
                assert head.value == pytest.approx(head.score, abs=1e-4)
                contribution = maps.maps[0, h].sum().item()
                assert head.map.mean() == pytest.approx(contribution, abs=1e-4)
                assert head.map.shape == tuple(maps.maps.shape[2:])


def test_each_model_has_its_own_region(predictors: list[Predictor], files: list[Path]) -> None:
    photo = next(explain_files(predictors, files))
    assert isinstance(photo, ExplainedPhoto)
    first, second = (by_name["shine"].region.seen for by_name in photo.explanations)
    assert first == Box(0, 0, 1, 1)
    assert second == pytest.approx(Box(0.25, 1 / 6, 0.75, 5 / 6))


def test_the_given_scalar_is_explained(predictors: list[Predictor], files: list[Path]) -> None:
    photo = next(explain_files(predictors[:1], files, probability(2)))
    assert isinstance(photo, ExplainedPhoto)
    expected = predictors[0].predict_photo(np.asarray(Image.open(files[0]))).probabilities[0, :, 2]
    assert [head.value for head in photo.explanations[0].values()] == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_grade_that_another_head_lacks_can_be_explained(predictors: list[Predictor], files: list[Path]) -> None:
    photo = next(explain_files(predictors[:1], files, class_logit(4)))  # lines has grades 0 to 2
    assert isinstance(photo, ExplainedPhoto)
    shine, lines = photo.explanations[0]["shine"], photo.explanations[0]["lines"]
    assert shine.map.any()
    assert lines.value == 0
    assert not lines.map.any()


def test_unreadable_photos_alone_give_only_errors(predictors: list[Predictor], files: list[Path]) -> None:
    assert [type(each) for each in explain_files(predictors, [files[2]] * 3, batch_size=2)] == [UnreadPhoto] * 3


@pytest.mark.parametrize(
    ("shape", "expected"), [((60, 80), (75, 100)), ((400, 200), (100, 50)), ((1, 5000), (1, 100)), ((7, 7), (100, 100))]
)
def test_shown_photos_have_a_fixed_size_and_keep_their_aspect_ratio(
    shape: tuple[int, int], expected: tuple[int, int]
) -> None:
    photo = np.full((*shape, 3), (10, 20, 30), np.uint8)
    assert scaled(photo, 100).shape == (*expected, 3)
    assert (scaled(photo, 100) == (10, 20, 30)).all()


class TestSkin:
    @pytest.fixture
    def cropping(self, schema: Schema, monkeypatch: pytest.MonkeyPatch) -> Predictor:
        """A model that sees only faces; the detected face is always in the right half of the photo."""
        face = DetectedFace((40, 0, 40, 60), ((50, 20), (70, 20), (60, 30), (52, 42), (68, 42)), 1.0)
        monkeypatch.setattr(step, "find_faces", lambda photo, detector: [face])
        plain = predictor_of(schema, 64)
        return replace(plain, preprocessing=replace(plain.preprocessing, skin=SkinConfig(crop=True)))

    def test_the_face_crop_of_the_model_is_shown(self, cropping: Predictor, files: list[Path]) -> None:
        [found] = explain_files([cropping], files[:1])
        photo = np.asarray(Image.open(files[0]))
        crop = cropping.transform().skin(photo)
        assert isinstance(found, ExplainedPhoto)
        np.testing.assert_array_equal(found.pixels, scaled(crop, max(found.pixels.shape)))
        image = cropping.transform()(photo, seed=0)[None]
        maps = head_maps(cropping.net, image).maps[0].numpy()
        for h, explanation in enumerate(found.explanations[0].values()):
            np.testing.assert_allclose(explanation.map, maps[h] * maps[h].size, rtol=1e-4, atol=1e-5)
        assert found.skin is None

    def test_a_face_is_detected_once_for_all_models_and_for_skin(
        self, cropping: Predictor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked, found = [], step.find_faces
        monkeypatch.setattr(step, "find_faces", lambda *arguments: looked.append(arguments) or found(*arguments))
        photo = np.full((60, 80, 3), (205, 160, 140), np.uint8)
        prepared = prepare(photo, "a", [cropping.transform(), cropping.transform()], with_skin=True)
        assert len(looked) == 1
        assert prepared.skin is not None
        torch.testing.assert_close(prepared.images[0], cropping.transform()(photo, seed=0))
        torch.testing.assert_close(prepared.images[1], prepared.images[0])
        again = pickle.loads(pickle.dumps(prepared))  # as between worker processes
        np.testing.assert_array_equal(again.framing(photo), prepared.framing(photo))

    def test_skin_is_detected_on_request(self, predictors: list[Predictor], tmp_path: Path) -> None:
        pixels = np.full((60, 80, 3), (205, 160, 140), np.uint8)
        pixels[:, 40:] = (30, 90, 200)
        Image.fromarray(pixels).save(tmp_path / "half.png")
        [found] = explain_files(predictors[:1], [tmp_path / "half.png"], with_skin=True)
        assert isinstance(found, ExplainedPhoto)
        assert found.skin is not None
        for mask in found.skin:
            assert mask.shape == found.pixels.shape[:2]
            left, right = np.split(mask, 2, axis=1)
            assert left.mean() > 0.95 > 0.05 > right.mean()

    def test_models_that_see_different_parts_are_refused(
        self, cropping: Predictor, predictors: list[Predictor], files: list[Path]
    ) -> None:
        with pytest.raises(UserError, match=r"data\.skin\.crop"):
            next(explain_files([predictors[0], cropping], files[:1]))
