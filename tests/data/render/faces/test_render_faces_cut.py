import pickle
import subprocess
import sys
from hashlib import sha256

import cv2
import numpy as np
import pytest
from PIL import Image

from multiskin.data.images import read_image
from multiskin.data.render.conditions import CONDITIONS
from multiskin.data.render.faces import STUDIO, Face, face_ground
from multiskin.data.render.faces.landmarks import ANCHORS, LIPS, POINTS, TEMPLATE
from multiskin.data.render.faces.sheet import decode
from multiskin.data.render.geometry import Pose, coordinates
from multiskin.data.render.ground import REGIONS
from multiskin.data.render.light import Light, shade, shine

UNIT, WIDTH, HEIGHT = 40, 300, 400
MIDDLE = np.array([150.0, 180.0])
PARTS = ["side", "forehead", "centre", "chin"]
STRAIGHT, MIRRORED = Pose(0, 1, (0, 0)), Pose(0, 1, (0, 0), mirrored=True)
SKIN, HAIR, WALL, LIP = (205, 160, 140), (40, 30, 25), (225, 228, 228), (180, 90, 95)

# Where the landmarks lie that are no anchors but draw outlines; those to the right are these mirrored.
OTHERS = {
    (19, 26): (-1.23, -0.07), (21, 24): (-0.76, -0.06), (28, 33): (-1.24, 0.16), (30, 31): (-0.77, 0.15),
    (46, 47): (-0.51, 0.33), (64, 69): (-0.40, 1.42), (72, 81): (-1.67, -0.56), (83, 86): (-1.45, -0.47),
    (84, 85): (-1.01, -0.46), (94, 98): (-0.49, 2.14), (99, 103): (-0.49, 2.18), (100, 102): (-0.25, 2.18),
    (104, 108): (-0.57, 2.36), (164, 167): (-1.95, 0.67), (165, 168): (-1.65, 0.93), (179, 182): (-0.16, 1.30),
    (180, 181): (-0.10, 1.39), (96, 96): (0, 2.14),
}  # fmt: skip


def landmarks():
    face = np.tile([0.0, 1.0], (POINTS, 1))
    face[ANCHORS] = TEMPLATE
    for (left, right), (x, y) in OTHERS.items():
        face[left], face[right] = (x, y), (-x, y)
    return face * UNIT + MIDDLE


def portrait():
    """Even skin, hair above, dark eyes, a red mouth, a black spot on the left cheek and a white one on the right."""
    places = landmarks()
    picture = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)

    def ellipse(x, y, across, down, colour):
        centre = np.rint(MIDDLE + UNIT * np.array([x, y])).astype(int).tolist()
        axes = [round(across * UNIT), round(down * UNIT)]
        cv2.ellipse(picture, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)

    ellipse(0, -1.2, 2.9, 2.9, HAIR)
    ellipse(0, 0.65, 2.25, 3.05, SKIN)
    for side in (-1, 1):
        ellipse(side, 0, 0.35, 0.15, HAIR)
    ellipse(-1.6, 1.4, 0.12, 0.12, (0, 0, 0))
    ellipse(1.6, 1.4, 0.12, 0.12, (255, 255, 255))
    cv2.fillPoly(picture, [np.rint(places[list(LIPS)]).astype(np.int32)], LIP, cv2.LINE_AA)
    noise = np.random.default_rng(0).normal(0, 2, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def face(tmp_path_factory):
    path = tmp_path_factory.mktemp("faces") / "face.png"
    Image.fromarray(portrait()).save(path)
    return Face("1", path, tuple(map(tuple, landmarks().tolist())), tone=2)


def ground_of(face, part, pose=STRAIGHT, size=96, seed=0):
    return face_ground(face, part, *coordinates(size, pose), np.random.default_rng(seed))


def layers_of(ground):
    named = (ground.x, ground.y, ground.skin, ground.albedo, ground.form, ground.solid, ground.relief)
    return [*named, ground.sheen, ground.film, *(ground.regions[name] for name in sorted(ground.regions))]


def at(ground, x, y):
    """The pixel where a ground's coordinates are nearest to x and y."""
    return np.unravel_index(np.argmin((ground.x - x) ** 2 + (ground.y - y) ** 2), ground.shape)


def linear(colour):
    return decode(np.array(colour, np.uint8))


@pytest.mark.parametrize("part", PARTS)
def test_under_the_studio_light_a_ground_is_the_photo(face, part):
    x, y = coordinates(96, STRAIGHT)
    ground = ground_of(face, part)
    seen = shade(ground, STUDIO)
    skin = (ground.skin > 0.95) & (ground.regions["lips"] < 0.05)
    np.testing.assert_allclose(np.median(seen[skin], axis=0), linear(SKIN), atol=0.02)
    assert seen.min() >= 0
    assert seen.max() <= 1 + 1e-5
    if part == "centre":
        photo = decode(read_image(face.image))
        columns, rows = MIDDLE[0] + UNIT * 1.5 * x, MIDDLE[1] + UNIT * (0.62 + 1.5 * y)
        expected = cv2.remap(photo, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_CUBIC)
        assert np.abs(seen - np.clip(expected, 0, 1))[8:-8, 8:-8].mean() < 0.01


@pytest.mark.parametrize("part", PARTS)
def test_light_from_the_side_lights_the_side_that_faces_it(face, part):
    ground = ground_of(face, part)
    left, right = (shade(ground, Light((x, -0.3, 0.7), 0.9, 0.3)).mean(axis=2) for x in (-0.6, 0.6))
    brighter = (left > right) & (ground.solid > 0.9)
    assert brighter[:, :32].mean() > brighter[:, -32:].mean()


@pytest.mark.parametrize(
    ("part", "x", "y", "colour"),
    [("centre", 0.62, -0.60, HAIR), ("centre", -0.62, -0.60, HAIR), ("side", -0.78, -0.58, HAIR),
     ("side", -0.3, 0.05, SKIN), ("forehead", 0, -0.95, HAIR), ("forehead", 0, 0.0, SKIN),
     ("chin", 0, -0.25, LIP), ("chin", 0, 0.6, SKIN)],
)  # fmt: skip
def test_features_lie_where_the_drawn_parts_have_them(face, part, x, y, colour):
    ground = ground_of(face, part, size=160)
    row, column = at(ground, x, y)
    np.testing.assert_allclose(shade(ground, STUDIO)[row, column], linear(colour), atol=0.09)


def test_coordinates_follow_a_face_of_other_proportions(face):
    """A long chin stays as it is in the photo; the coordinates are those of any chin."""
    places = np.array(face.landmarks)
    places[:, 1] += 0.15 * np.maximum(places[:, 1] - MIDDLE[1], 0)
    long = Face("1", face.image, tuple(map(tuple, places.tolist())), 2)
    own, other = ground_of(face, "centre"), ground_of(long, "centre")
    assert np.ptp(other.y) < np.ptp(own.y)
    for ground in (own, other):
        row, column = at(ground, 0.35, 0.25)
        assert ground.skin[row, column] > 0.5
    assert abs(other.unit / own.unit - 1) < 0.15


def test_a_mirrored_side_shows_the_other_cheek_and_no_mirror_image(face):
    own, other = ground_of(face, "side", size=160), ground_of(face, "side", MIRRORED, size=160)
    assert own.x[80, -1] > own.x[80, 0]
    assert other.x[80, -1] < other.x[80, 0]
    for ground, ear, spot in ((own, slice(-12, None), 1.0), (other, slice(0, 12), 0.0)):
        assert ground.skin[:, ear].mean() < 0.2
        row, column = at(ground, 0.81 * 1.6 - 1.65, 0.6 * 1.4 - 0.58)
        np.testing.assert_allclose(shade(ground, STUDIO)[row, column], spot, atol=0.25)
    np.testing.assert_allclose(np.abs(own.x + 1.65), np.abs(other.x[:, ::-1] + 1.65), atol=0.02)


def test_the_pose_moves_the_photo_and_its_coordinates_together(face):
    straight, turned = ground_of(face, "centre"), ground_of(face, "centre", Pose(0.1, 1.1, (0.1, -0.05)))
    for x, y in ((0.62, -0.6), (-0.62, -0.6), (0, 0.3)):
        seen = [shade(ground, STUDIO)[at(ground, x, y)] for ground in (straight, turned)]
        np.testing.assert_allclose(*seen, atol=0.06)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("pose", [STRAIGHT, MIRRORED, Pose(0.15, 0.9, (0.1, 0.1))])
def test_layers_are_in_range(face, part, pose):
    ground = ground_of(face, part, pose, size=64)
    assert set(ground.regions) == set(REGIONS) - {"gleam"}
    for layer in layers_of(ground):
        assert layer.dtype == np.float32
        assert np.isfinite(layer).all()
        assert layer.shape[:2] == (64, 64)
    for mask in (ground.skin, ground.solid, *ground.regions.values()):
        assert 0 <= mask.min() <= mask.max() <= 1
    assert ground.albedo.min() >= 0
    assert not ground.sheen.any()
    assert not ground.film.any()
    assert 64 / 2.6 < ground.unit < 64 / 1.5


def test_skin_is_neither_hair_nor_eye_nor_wall(face):
    for part, x, y in (("forehead", 0, -0.95), ("centre", 0.62, -0.60), ("side", 0.55, 0.4), ("chin", 0, 1.0)):
        ground = ground_of(face, part)
        assert ground.skin[at(ground, x, y)] < 0.1
    assert ground_of(face, "chin").regions["lips"].max() > 0.95
    assert ground_of(face, "forehead").regions["lips"].max() == 0


def test_hair_over_the_forehead_is_no_skin(tmp_path, face):
    picture = portrait()
    strand = np.s_[120:150, 130:142]
    picture[strand] = HAIR
    Image.fromarray(picture).save(tmp_path / "fringe.png")
    fringe = Face("1", tmp_path / "fringe.png", face.landmarks, 2)
    without, among = ground_of(face, "forehead").skin, ground_of(fringe, "forehead").skin
    assert (without - among).max() > 0.9
    assert ((without - among) > 0.5).mean() < 0.1


def test_a_gleam_in_the_photo_is_dulled(tmp_path, face):
    dark = (portrait() * 0.5).astype(np.uint8)
    cv2.circle(dark, (150, 110), 10, (255, 255, 255), -1)
    Image.fromarray(dark).save(tmp_path / "greasy.png")
    ground = ground_of(Face("1", tmp_path / "greasy.png", face.landmarks, 2), "forehead")
    assert shade(ground, STUDIO)[ground.skin > 0.9].max() < 0.6


def test_a_small_photo_of_a_part_is_not_aliased(face, tmp_path):
    stripes = portrait()
    stripes[:, ::2] //= 2
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    ground = ground_of(Face("1", tmp_path / "stripes.png", face.landmarks, 2), "chin", size=24)
    cheek = shade(ground, STUDIO)[15:19, 9:15].mean(axis=2)
    assert cheek.std() / cheek.mean() < 0.1


def test_a_large_photo_gives_the_same_ground(face, tmp_path):
    large = cv2.resize(portrait(), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    Image.fromarray(large).save(tmp_path / "large.bmp")
    places = (np.array(face.landmarks) + 0.5) * 4 - 0.5
    there = ground_of(Face("1", tmp_path / "large.bmp", tuple(map(tuple, places.tolist())), 2), "centre")
    here = ground_of(face, "centre")
    np.testing.assert_allclose(there.x, here.x, atol=0.02)
    assert np.abs(there.albedo - here.albedo).mean() < 0.02


def test_a_face_at_the_edge_of_its_photo(face, tmp_path):
    top, left = 75, 55
    Image.fromarray(portrait()[top:330, left:245]).save(tmp_path / "tight.png")
    tight = Face("1", tmp_path / "tight.png", tuple((x - left, y - top) for x, y in face.landmarks), 2)
    for part in PARTS:
        ground = ground_of(tight, part)
        assert all(np.isfinite(layer).all() for layer in layers_of(ground))
        assert ground.skin.mean() > 0.3


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_shows_on_every_part(face, part, name):
    light = Light((0.3, -0.4, 0.866), 0.8, 0.45)
    bare, ground = ground_of(face, part), ground_of(face, part)
    ground.regions["gleam"] = shine(ground, light)
    mask = CONDITIONS[name].draw(ground, 0.9, np.random.default_rng(1))
    change = np.abs(shade(ground, light) - shade(bare, light)).mean(axis=2)
    assert mask.max() > 0.2
    assert change[mask > 0.2].mean() > 5 * change[mask < 0.01].mean()


def test_drawing_on_a_ground_does_not_change_the_next(face):
    before = [layer.copy() for layer in layers_of(ground_of(face, "centre"))]
    ground = ground_of(face, "centre")
    for layer in layers_of(ground):
        layer += 1
    for layer, unchanged in zip(layers_of(ground_of(face, "centre")), before, strict=True):
        np.testing.assert_array_equal(layer, unchanged)


def test_a_ground_is_the_same_in_another_process(face):
    bytes_here = b"".join(layer.tobytes() for layer in layers_of(ground_of(face, "side", MIRRORED, size=48)))
    script = (
        "import pickle, sys; from hashlib import sha256; import numpy as np\n"
        "from multiskin.data.render.faces import face_ground\n"
        "from multiskin.data.render.geometry import Pose, coordinates\n"
        "face = pickle.load(sys.stdin.buffer)\n"
        "ground = face_ground(face, 'side', *coordinates(48, Pose(0, 1, (0, 0), True)), np.random.default_rng(0))\n"
        "layers = [ground.x, ground.y, ground.skin, ground.albedo, ground.form, ground.solid, ground.relief]\n"
        "layers += [ground.sheen, ground.film, *(ground.regions[name] for name in sorted(ground.regions))]\n"
        "print(sha256(b''.join(layer.tobytes() for layer in layers)).hexdigest())"
    )
    command = [sys.executable, "-c", script]
    there = subprocess.run(command, input=pickle.dumps(face), capture_output=True, check=True).stdout
    assert there.decode().strip() == sha256(bytes_here).hexdigest()
