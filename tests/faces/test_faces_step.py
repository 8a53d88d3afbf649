"""The part of a photo that the network sees: all of it, only the face or only skin; masks are cropped likewise."""

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from multiskin.config import SkinConfig
from multiskin.data.transforms import Preprocessing, evaluation_transform, training_transform
from multiskin.errors import UserError
from multiskin.faces import find_faces, skin_mask
from multiskin.faces import step as faces_step
from multiskin.faces.anatomy import EYES, OUTLINE
from multiskin.faces.step import GREY, SkinStep

CROP, ONLY, BOTH = SkinConfig(crop=True), SkinConfig(only=True), SkinConfig(crop=True, only=True)
SKIN = np.full((50, 70, 3), (205, 160, 140), np.uint8)


def test_the_photo_is_unchanged_by_default(draw_face):
    photo = draw_face().photo
    assert SkinStep(SkinConfig(detector="gone.onnx"), 96)(photo) is photo


def test_the_step_crops_to_the_face_if_there_is_one(draw_face):
    drawn, step = draw_face(turn=15), SkinStep(CROP, 96)
    crop = step(drawn.photo)
    assert crop.shape == (96, 96, 3)
    assert crop.dtype == np.uint8
    np.testing.assert_array_equal(crop, step(drawn.photo))
    assert step(SKIN) is SKIN


def test_everything_but_skin_becomes_grey(draw_face):
    drawn = draw_face("brown")
    bare = SkinStep(ONLY, 96)(drawn.photo)
    outside = ~drawn.inside(1.3 * OUTLINE)
    assert (bare[outside] == GREY).all()
    pupils = drawn.inside(*(0.4 * (outline - outline.mean(axis=0)) + outline.mean(axis=0) for outline in EYES))
    assert (np.abs(bare[pupils].astype(int) - GREY) < 8).mean() > 0.9
    cheeks = drawn.inside(*(outline + np.array([0, 1.2]) for outline in EYES))
    np.testing.assert_array_equal(bare[cheeks], drawn.photo[cheeks])


def test_a_close_up_is_unchanged():
    np.testing.assert_array_equal(SkinStep(BOTH, 96)(SKIN), SKIN)


def test_a_photo_without_detected_skin_is_unchanged():
    black_and_white = np.repeat(np.random.default_rng(0).integers(90, 140, (50, 70, 1), np.uint8), 3, axis=2)
    assert SkinStep(ONLY, 96)(black_and_white) is black_and_white


def test_masks_are_cropped_as_the_photo_is(draw_face):
    drawn, step = draw_face(turn=-20), SkinStep(CROP, 128)
    shown, framing = step.view(step.portrait(drawn.photo))
    np.testing.assert_array_equal(shown, step(drawn.photo))
    np.testing.assert_array_equal(framing(drawn.photo), step(drawn.photo))
    mask = 255 * drawn.inside(OUTLINE).astype(np.uint8)
    assert framing(mask).shape == (128, 128)
    assert framing(mask)[64, 64] == 255
    bare = SkinStep(ONLY, 128)
    np.testing.assert_array_equal(bare.view(bare.portrait(drawn.photo))[1](mask), mask)


def test_the_face_is_detected_once_and_only_when_needed(draw_face, monkeypatch):
    drawn, found, looked_at = draw_face(turn=10), find_faces, []
    monkeypatch.setattr(faces_step, "find_faces", lambda *arguments: looked_at.append(arguments) or found(*arguments))
    portrait = SkinStep(BOTH, 96).portrait(drawn.photo)
    assert SkinStep(SkinConfig(), 96).view(portrait)[0] is drawn.photo
    assert not looked_at
    shown, _ = SkinStep(BOTH, 96).view(portrait)
    skin = [portrait.skin(lips) for lips in (False, True)]
    assert len(looked_at) == 1
    np.testing.assert_array_equal(shown, SkinStep(BOTH, 96)(drawn.photo))
    for mask, lips in zip(skin, (False, True), strict=True):
        np.testing.assert_array_equal(mask, skin_mask(drawn.photo, found(drawn.photo)[0], lips))


def test_training_and_prediction_see_the_same_face(draw_face):
    photo = draw_face(turn=10).photo
    plain = Preprocessing(48, (0.0,) * 3, (1.0,) * 3)
    cropped = Preprocessing(48, (0.0,) * 3, (1.0,) * 3, skin=CROP)
    seen = evaluation_transform(cropped)(photo, seed=0)
    assert torch.equal(seen, training_transform(["Resize"], cropped, "recipe")(photo, seed=3))
    assert torch.equal(seen, evaluation_transform(plain)(SkinStep(CROP, 96)(photo), seed=0))
    assert not torch.equal(seen, evaluation_transform(plain)(photo, seed=0))
    again = Preprocessing.from_dict(cropped.to_dict())
    assert again == cropped
    assert torch.equal(seen, evaluation_transform(again)(photo, seed=0))


def test_older_checkpoints_see_the_whole_photo():
    content = Preprocessing(48, (0.0,) * 3, (1.0,) * 3).to_dict()
    del content["skin"]
    assert Preprocessing.from_dict(content).skin == SkinConfig()


class Shown(Dataset):
    def __init__(self, photo, step):
        self.photo, self.step = photo, step

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.step(self.photo)


def test_the_step_works_in_worker_processes(draw_face):
    photo, step = draw_face().photo, SkinStep(BOTH, 64)
    shown = step(photo)  # loads a detector in this process, too
    assert pickle.loads(pickle.dumps(step)) == step
    for (found,) in DataLoader(Shown(photo, step), num_workers=1, timeout=60):
        np.testing.assert_array_equal(found, shown)


@pytest.mark.parametrize(
    "config", [SkinConfig(crop=True, detector="gone.onnx"), SkinConfig(only=True, detector="gone")]
)
def test_check_finds_a_missing_detector_before_the_first_photo(config):
    with pytest.raises(UserError, match="no such file"):
        SkinStep(config, 96).check()
