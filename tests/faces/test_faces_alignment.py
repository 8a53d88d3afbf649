import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.faces.alignment import align, cut, in_crop, restore, similarity, transformed
from multiskin.faces.anatomy import CENTRE, HALF_HEIGHT, LANDMARKS


@settings(max_examples=50, deadline=None)
@given(st.floats(-3, 3), st.floats(0.1, 50), st.floats(-100, 100), st.floats(-100, 100))
def test_a_similarity_is_recovered(angle, factor, right, down):
    turn = factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    transform = np.column_stack([turn, (right, down)])
    np.testing.assert_allclose(similarity(LANDMARKS, transformed(LANDMARKS, transform)), transform, atol=1e-8)


def test_a_similarity_is_the_least_squares_fit():
    random = np.random.default_rng(0)
    source, target = random.normal(size=(2, 5, 2))
    best = similarity(source, target)

    def distance(transform):
        return ((transformed(source, transform) - target) ** 2).sum()

    for change in 0.05 * random.normal(size=(100, 4)):
        cosine, sine, right, down = change
        assert distance(best) <= distance(best - np.array([[cosine, -sine, right], [sine, cosine, down]]))


@pytest.mark.parametrize("turn", [0, 30, -90, 180])
@pytest.mark.parametrize("unit", [10, 60])
def test_a_crop_shows_the_whole_face_upright(draw_face, turn, unit):
    drawn = draw_face(unit=unit, turn=turn, shape=(600, 600))
    crop, transform = align(drawn.photo, drawn.face, 200, 0.2)
    assert crop.shape == (200, 200, 3)
    wanted = in_crop(LANDMARKS, 200, 0.2)
    np.testing.assert_allclose(transformed(np.array(drawn.face.landmarks), transform), wanted, atol=1e-6)
    upright = draw_face(unit=200 / (2 * HALF_HEIGHT * 1.2), shape=(200, 200)).photo
    assert np.abs(cv2.blur(crop, (9, 9)).astype(int) - cv2.blur(upright, (9, 9))).mean() < 8


def test_a_crop_is_centred_on_the_face():
    np.testing.assert_allclose(in_crop(CENTRE[None], 200, 0.1), [[99.5, 99.5]])
    hairline, chin = in_crop(CENTRE - np.array([(0, HALF_HEIGHT), (0, -HALF_HEIGHT)]), 200, 0.0)
    assert (hairline[1], chin[1]) == (pytest.approx(-0.5), pytest.approx(199.5))


def test_downscaling_does_not_alias(draw_face):
    drawn = draw_face(unit=120, shape=(1200, 1200))
    grid = np.indices((1200, 1200)).sum(axis=0) % 2
    grid = (255 * grid).astype(np.uint8)
    crop = cut(grid, align(drawn.photo, drawn.face, 64, 0.0)[1], 64)
    assert crop.min() > 110
    assert crop.max() < 145


@pytest.mark.parametrize("size", [80, 400])
def test_a_map_is_restored_to_its_place_in_the_photo(draw_face, size):
    drawn = draw_face(turn=20)
    _, transform = align(drawn.photo, drawn.face, size, 0.1)
    hill = np.zeros(drawn.photo.shape[:2], np.float32)
    eye = drawn.place(LANDMARKS[:1])[0]
    cv2.circle(hill, np.rint(eye).astype(int).tolist(), 12, 1.0, -1)
    back = restore(cut(hill, transform, size), transform, hill.shape)
    assert back.shape == hill.shape
    assert back.sum() == pytest.approx(hill.sum(), rel=0.02)
    places = np.indices(hill.shape)
    np.testing.assert_allclose(
        (places * back).sum((1, 2)) / back.sum(), (places * hill).sum((1, 2)) / hill.sum(), atol=0.2
    )
    assert back[0, 0] == 0
