import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.errors import UserError
from multiskin.faces.detection import find_faces


@pytest.mark.parametrize("skin", ["light", "brown", "dark"])
@pytest.mark.parametrize("turn", [-25, 0, 25])
def test_a_face_is_found_with_its_landmarks(draw_face, skin, turn):
    drawn = draw_face(skin, turn=turn)
    (face,) = find_faces(drawn.photo)
    apart = np.linalg.norm(np.array(face.landmarks) - drawn.face.landmarks, axis=1)
    assert apart.max() < 0.5 * 30  # a quarter of the distance between the pupils, since this is only a drawing
    assert 0.9 < face.confidence <= 1
    left, top, width, height = face.box
    assert left < min(x for x, _ in face.landmarks) < max(x for x, _ in face.landmarks) < left + width
    assert top < min(y for _, y in face.landmarks) < max(y for _, y in face.landmarks) < top + height


def test_positions_scale_with_the_photo(draw_face):
    photo = draw_face().photo
    (small,), (large,) = find_faces(photo), find_faces(cv2.resize(photo, None, fx=4, fy=4))
    np.testing.assert_allclose(np.array(large.landmarks), 4 * np.array(small.landmarks) + 1.5, atol=4)
    np.testing.assert_allclose(large.box, 4 * np.array(small.box), atol=8)


def test_the_largest_face_comes_first(draw_face):
    small, large = draw_face(unit=18), draw_face(unit=30)
    for photos in ((small.photo, large.photo), (large.photo, small.photo)):
        first, second = find_faces(np.concatenate(photos, axis=1))
        assert first.box[2] > 1.3 * second.box[2]


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_noise_has_no_face(height, width, seed):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert find_faces(noise) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (5000, 1, 3), (40, 4000, 3)])
def test_photos_of_any_shape_are_accepted(shape):
    assert find_faces(np.full(shape, 128, np.uint8)) == []


def test_the_photo_is_unchanged(draw_face):
    photo = draw_face().photo
    before = photo.copy()
    find_faces(photo)
    np.testing.assert_array_equal(photo, before)


def test_a_missing_detector_file_is_an_error():
    with pytest.raises(UserError, match=r"face detector 'yunett.onnx': no such file; give a YuNet"):
        find_faces(np.zeros((9, 9, 3), np.uint8), "yunett.onnx")


def test_a_file_that_is_not_a_detector_is_an_error(tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(b"no model")
    with pytest.raises(UserError, match=r"model\.onnx: not a YuNet model"):
        find_faces(np.zeros((9, 9, 3), np.uint8), str(model))


class FakeYuNet:
    """Replaces OpenCV's detector: finds a face in blue pictures; in OpenCV, blue is the first channel."""

    @classmethod
    def create(cls, path, config, size, least):
        return cls()

    def setInputSize(self, size):  # noqa: N802
        self.size = size

    def detect(self, pixels):
        assert self.size == pixels.shape[1::-1]
        row = np.array([[10, 20, 30, 40, *range(1, 11), 0.9]], np.float32)
        return 1, row if pixels[..., 0].mean() > 200 else None


def test_yunet_gets_bgr_and_its_positions_are_scaled(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "FaceDetectorYN", FakeYuNet)
    (tmp_path / "fake.onnx").touch()
    photo = np.zeros((640, 480, 3), np.uint8)
    assert find_faces(photo, str(tmp_path / "fake.onnx")) == []
    photo[..., 2] = 255
    (face,) = find_faces(photo, str(tmp_path / "fake.onnx"))
    assert face.box == (20, 40, 60, 80)
    assert face.landmarks[0] == (2.5, 4.5)  # the centre of a pixel that stands for 2 x 2 pixels
    assert face.confidence == pytest.approx(0.9)
