import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from multiskin.faces import find_faces
from multiskin.faces.anatomy import BARE_SKIN, BROWS, EYES, LIPS, NOSTRILS, OUTLINE
from multiskin.faces.skin import _fill_holes, likeness, measure_colours, skin_mask


def overlap(mask, truth):
    return (mask & truth).sum() / (mask | truth).sum()


@pytest.mark.parametrize("skin", ["light", "brown", "dark"])
@pytest.mark.parametrize("turn", [0, 30])
@pytest.mark.parametrize("lips", [False, True])
def test_the_mask_is_the_face_without_its_features(draw_face, skin, turn, lips):
    drawn = draw_face(skin, turn=turn)
    mask = skin_mask(drawn.photo, drawn.face, lips)
    assert mask.shape == drawn.photo.shape[:2]
    assert mask.dtype == np.float32
    assert mask.min() >= 0
    assert mask.max() <= 1
    truth = drawn.inside(OUTLINE) & ~drawn.inside(*EYES, *BROWS, *NOSTRILS, *([] if lips else [LIPS]))
    assert overlap(mask > 0.5, truth) > 0.9
    assert mask[drawn.inside(*EYES)].mean() < 0.05
    assert (mask[drawn.inside(LIPS)].mean() > 0.5) == lips


def test_the_mask_of_a_detected_face(draw_face):
    drawn = draw_face("brown")
    mask = skin_mask(drawn.photo, find_faces(drawn.photo)[0]) > 0.5
    assert overlap(mask, drawn.inside(OUTLINE) & ~drawn.inside(*EYES, *BROWS, *NOSTRILS, LIPS)) > 0.8


def test_hair_in_the_face_is_left_out_but_marks_are_not(draw_face):
    drawn = draw_face()
    fringe = np.array([(-1.2, -2.3), (1.2, -2.3), (1.2, -1.75), (-1.2, -1.75)])
    spot = np.array([(1.5, 1.5), (1.7, 1.5), (1.7, 1.7), (1.5, 1.7)])
    drawn.photo[drawn.inside(fringe)] = (25, 20, 18)
    drawn.photo[drawn.inside(spot)] = (60, 30, 20)
    mask = skin_mask(drawn.photo, drawn.face)
    assert mask[drawn.inside(fringe)].mean() < 0.1
    assert mask[drawn.inside(spot)].mean() > 0.95


def test_teeth_are_not_lips(draw_face):
    drawn = draw_face()
    teeth = np.array([(-0.4, 2.1), (0.4, 2.1), (0.4, 2.3), (-0.4, 2.3)])
    drawn.photo[drawn.inside(teeth)] = (235, 230, 225)
    mask = skin_mask(drawn.photo, drawn.face, lips=True)
    assert mask[drawn.inside(teeth)].mean() < 0.3
    assert mask[drawn.inside(LIPS) & ~drawn.inside(1.2 * (teeth - (0, 2.2)) + (0, 2.2))].mean() > 0.5


def test_a_face_partly_outside_the_photo_has_a_mask(draw_face):
    drawn = draw_face(unit=100)
    mask = skin_mask(drawn.photo, drawn.face)
    assert mask[drawn.inside(OUTLINE) & ~drawn.inside(*EYES, *BROWS, *NOSTRILS, LIPS)].mean() > 0.9


@pytest.mark.parametrize("skin", [(222, 178, 152), (150, 104, 78), (86, 56, 42), (225, 180, 190)])
def test_a_close_up_includes_marks_but_not_objects_on_the_skin(skin):
    random = np.random.default_rng(0)
    photo = np.clip(random.normal(skin, 4, (300, 500, 3)), 0, 255).astype(np.uint8)
    cv2.circle(photo, (150, 150), 40, (70, 35, 25), -1)
    cv2.circle(photo, (500, 0), 80, (60, 190, 200), -1)  # a sticker in the corner
    mask = skin_mask(photo, None)
    assert mask.shape == (300, 500)
    assert mask[150, 150] > 0.95
    assert mask[200:, 300:].mean() > 0.95
    assert mask[:40, -40:].mean() < 0.05


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (40, 120, 40), (30, 60, 200)])
def test_a_photo_of_something_else_has_no_skin(colour):
    assert not skin_mask(np.full((30, 5000, 3), colour, np.uint8), None).any()


def noisy(colour, deviation, shape=(200, 300)):
    noise = np.random.default_rng(0).normal(0, deviation, (*shape, 3))
    return np.rint(np.clip(colour + noise, 0, 255)).astype(np.uint8)


@pytest.mark.parametrize("deviation", [0, 2, 3, 6])
@pytest.mark.parametrize("colour", [(128, 128, 128), (60, 60, 60), (200, 201, 200), (20, 19, 18)])
def test_noisy_grey_is_not_skin(colour, deviation):
    assert not skin_mask(noisy(colour, deviation), None).any()


@pytest.mark.parametrize("deviation", [0, 3, 6])
@pytest.mark.parametrize("skin", [(36, 24, 19), (30, 20, 16), (24, 16, 13)])
def test_very_dark_skin_is_skin(skin, deviation):
    assert skin_mask(noisy(skin, deviation), None).mean() > 0.95


def test_skin_is_found_in_black_and_white_faces_but_not_close_ups(draw_face):
    def without_colour(photo):
        return cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)

    drawn = draw_face()
    assert skin_mask(without_colour(drawn.photo), drawn.face)[drawn.inside(*BARE_SKIN)].mean() > 0.9
    assert not skin_mask(without_colour(noisy((222, 178, 152), 6)), None).any()


def test_a_face_with_hardly_any_skin_has_an_empty_mask(draw_face):
    drawn = draw_face()
    drawn.photo[:] = (40, 120, 200)
    drawn.photo[drawn.inside(*BARE_SKIN)] = (222, 178, 152)
    assert not skin_mask(drawn.photo, drawn.face).any()


def test_a_close_up_of_three_unlike_colours_has_a_valid_mask():
    """Each colour deviates from the median of one channel, so that none of the pixels has the median colour."""
    stripes = np.array([(251, 202, 185), (189, 87, 96), (161, 108, 39)], np.uint8)
    mask = skin_mask(np.tile(stripes.repeat(40, axis=0), (120, 1, 1)), None)
    assert np.isfinite(mask).all()


def test_pictures_that_are_mostly_black_have_a_valid_mask(draw_face):
    face = draw_face().face
    assert np.isfinite(skin_mask(np.zeros((360, 420, 3), np.uint8), face)).all()
    dots = np.zeros((200, 200, 3), np.uint8)
    dots[np.random.default_rng(0).random((200, 200)) < 0.4] = (200, 120, 90)
    assert np.isfinite(skin_mask(dots, None)).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(25, 80), st.floats(5, 18), st.floats(5, 25))
def test_measured_colours_are_robust_to_outliers(seed, lightness, a, b):
    random = np.random.default_rng(seed)
    skin = random.normal((lightness, a, b), (2, 1, 1), (800, 3))
    colours = measure_colours(np.concatenate([skin, np.zeros((200, 3))]))
    np.testing.assert_allclose(colours.median, (lightness, a, b), atol=0.8)
    assert likeness(np.array([[(lightness, a, b), (0, 0, 0)]]), colours).tolist() == [[1, 0]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
def test_filled_holes_match_scipy_up_to_a_size(seed, largest):
    skin = (np.random.default_rng(seed).random((20, 24)) < 0.6).astype(np.float32)
    np.testing.assert_array_equal(_fill_holes(skin, np.inf), ndimage.binary_fill_holes(skin))
    labels, number = ndimage.label(ndimage.binary_fill_holes(skin) & (skin == 0))
    wanted = skin.copy()
    for label in range(1, number + 1):
        if (labels == label).sum() < largest:
            wanted[labels == label] = 1
    np.testing.assert_array_equal(_fill_holes(skin, largest), wanted)
