import json
import pickle

import numpy as np
import pytest
from PIL import Image

from multiskin.data.render.faces import Face, load_faces
from multiskin.data.render.faces.landmarks import ANCHORS, CHEEKS, POINTS, TEMPLATE
from multiskin.data.render.faces.tone import tone_of
from multiskin.data.render.tones import LAB, lab_to_linear
from multiskin.errors import UserError

SIZE = 160
IMAGES = ("b.png", "a.png")


def points():
    """Anchors on an average face, and all other landmarks on the middle of it; a unit is 18 pixels."""
    landmarks = np.tile([SIZE / 2, SIZE / 2], (POINTS, 1))
    landmarks[ANCHORS] = TEMPLATE * 18 + [SIZE / 2, SIZE / 2 - 10]
    return landmarks.tolist()


@pytest.fixture
def folder(tmp_path):
    for number, image in enumerate(IMAGES):
        Image.new("RGB", (SIZE, SIZE), (200, 160, 140 + number)).save(tmp_path / image)
    (tmp_path / "faces.csv").write_text("image,subject,age\nb.png,2,30\na.png,1,20\nbare.png,3,20\n")
    (tmp_path / "landmarks.json").write_text(json.dumps({image: points() for image in IMAGES}))
    return tmp_path


def relandmark(folder, landmarks, image="a.png"):
    (folder / "landmarks.json").write_text(json.dumps({image: landmarks}))


def refused(folder):
    with pytest.raises(UserError) as error:
        load_faces(folder)
    return str(error.value)


def test_faces_come_in_the_order_of_their_photos_and_only_with_landmarks(folder):
    faces = load_faces(folder)
    assert [(face.image.name, face.subject) for face in faces] == [("a.png", "1"), ("b.png", "2")]
    assert faces[0].landmarks == tuple(map(tuple, points()))
    assert pickle.loads(pickle.dumps(faces[0])) == faces[0]
    assert {faces[0]: 1}[Face(**vars(faces[0]))] == 1


def test_no_folder(tmp_path):
    assert "no such folder" in refused(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["faces.csv", "landmarks.json", "a.png"])
def test_a_file_is_missing(folder, name):
    (folder / name).unlink()
    assert name in refused(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image,age\na.png,3\n", "no column subject; its columns are image, age"),
        ("subject\n1\n", "no column image"),
        ("image,subject\na.png,\n", "row 2: no subject"),
        ("image,subject\n,1\n", "row 2: no image"),
        ("image,subject\na.png,1\na.png,2\n", "row 3: image a.png occurs twice"),
        ("image,subject\na.png,1,2,3\n", "row 2: 4 cells under 2 headings"),
        ("image,subject\nb.png,1\n", "photo a.png is not in faces.csv"),
        ("", "empty"),
    ],
)
def test_a_broken_table(folder, content, message):
    (folder / "faces.csv").write_text(content)
    assert message in refused(folder)


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "\xff"])
def test_landmarks_that_are_not_json(folder, content):
    (folder / "landmarks.json").write_text(content, encoding="latin-1")
    assert "not JSON" in refused(folder)


@pytest.mark.parametrize("content", ["{}", "[]", "3", "null"])
def test_landmarks_without_a_face(folder, content):
    (folder / "landmarks.json").write_text(content)
    assert "no face in it" in refused(folder)


@pytest.mark.parametrize(
    "landmarks", [None, 5, {}, [], [[1, 2]] * 5, [[1, 2, 3]] * POINTS, [[1, "x"]] * POINTS, [[1, 10**400]] * POINTS,
                  [[1, float("nan")]] * POINTS, [[1, float("inf")]] * POINTS, [[[1], 2]] * POINTS],
)  # fmt: skip
def test_landmarks_that_are_not_points(folder, landmarks):
    relandmark(folder, landmarks)
    assert "give 189 points [x, y] of finite numbers" in refused(folder)


@pytest.mark.parametrize("point", [[-1, 5], [5, SIZE], [1e300, 5]])
def test_a_point_outside_the_photo(folder, point):
    relandmark(folder, [*points()[:7], point, *points()[8:]])
    assert "point 7 at" in refused(folder)


def test_points_in_another_order(folder):
    relandmark(folder, points()[::-1])
    assert "do not lie as on a frontal face" in refused(folder)


def test_points_of_a_mirrored_photo(folder):
    relandmark(folder, [[SIZE - x, y] for x, y in points()])
    assert "do not lie as on a frontal face" in refused(folder)


@pytest.mark.parametrize("size", [0, 0.3])
def test_a_face_too_small(folder, size):
    relandmark(folder, ([20, 90] + size * np.array(points())).tolist())
    assert "pixels wide" in refused(folder)


@pytest.mark.parametrize("name", ["../a.png", "/a.png"])
def test_a_photo_outside_the_folder(folder, name):
    (folder / "faces.csv").write_text(f"image,subject\n{name},1\n")
    relandmark(folder, points(), name)
    assert "leads out of the folder" in refused(folder)


def test_one_picture_of_two_subjects(folder):
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "faces.csv").write_text("image,subject\na.png,1\nb.png,2\n")
    (folder / "landmarks.json").write_text(json.dumps({"a.png": points(), "b.png": points()}))
    assert "the same picture as a.png" in refused(folder)


def test_a_photo_that_is_none(folder):
    (folder / "a.png").write_bytes(b"no picture")
    assert "a.png: not a JPEG" in refused(folder)


@pytest.mark.parametrize("tone", range(6))
def test_the_tone_is_that_of_the_cheeks(tone):
    landmarks = np.array(points())
    for cheek, place in zip(CHEEKS, [(30, 90), (110, 90)], strict=True):
        landmarks[list(cheek)] = np.add(place, [[0, 0], [20, 0], [20, 20], [0, 20]])
    pixels = np.full((SIZE, SIZE, 3), 255, np.uint8)
    linear = lab_to_linear(LAB[tone])
    pixels[85:115, 25:135] = np.rint(255 * (1.055 * linear ** (1 / 2.4) - 0.055))
    assert tone_of(pixels, landmarks) == tone
