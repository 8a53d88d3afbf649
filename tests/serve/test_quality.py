"""The gate lets good photos of any skin pass, and knows what is wrong with the others."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from multiskin.data.render.photo import Shot, photograph
from multiskin.faces.step import uncut
from multiskin.schema import Attribute
from multiskin.serve.quality import SMALL, TINY, Quality, measure, sharpness

INPUT = 96  # pixels of the network's input
SIZE = 128  # pixels of the photos
PLAIN, FINE = Attribute("shine", 5), Attribute("lines", 5, fine=True)


def drawn(tone, part="side"):
    return photograph(Shot(3, tone, 0, part, False, tone, (), SIZE)).pixels


PHOTOS = [drawn(tone) for tone in range(6)]


def lit(photo, gain):
    """As the camera would have it with so much more light: sRGB is linear below, and a power above."""
    share = photo / 255
    light = gain * np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    light = np.clip(light, 0, 1)
    return np.rint(255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)).astype(
        "uint8"
    )


def blurred(photo, pixels):
    return cv2.GaussianBlur(photo, (0, 0), pixels * SIZE / INPUT)


def shrunk(photo, side):
    return cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)


def notes(photo):
    return measure(photo, uncut, INPUT).notes()


@pytest.mark.parametrize("tone", range(6))
@pytest.mark.parametrize("part", ["side", "forehead", "centre", "chin"])
def test_good_photos_of_every_tone_and_part_pass(tone, part):
    photo = drawn(tone, part)
    for good in (photo, lit(photo, 0.5), blurred(photo, 0.4), shrunk(photo, 80)):
        assert notes(good) == ()


@pytest.mark.parametrize("photo", PHOTOS)
def test_what_is_wrong_is_told(photo):
    assert notes(lit(photo, 0.05)) == ("dark",)
    assert "bright" in notes(lit(photo, 12))
    assert notes(blurred(photo, 2)) == ("blurred",)
    assert notes(shrunk(photo, int(0.6 * INPUT))) == ("small",)
    assert "tiny" in notes(shrunk(photo, int(0.3 * INPUT)))


@pytest.mark.parametrize("colour", [(128, 128, 128), (60, 140, 60), (120, 160, 230), (0, 0, 0), (255, 255, 255)])
def test_what_has_no_colour_of_skin_is_no_skin(colour):
    noise = np.random.default_rng(0).integers(-3, 4, (SIZE, SIZE, 1))
    assert "no_skin" in notes(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))
    assert "no_skin" in notes(np.repeat(PHOTOS[1].mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8))


def test_a_small_patch_of_skin_is_measured_by_itself():
    """A white wall behind a face is no overexposed face, and a black one no dark face."""
    for ground in (0, 255):
        photo = np.full((SIZE, SIZE, 3), ground, np.uint8)
        photo[32:96, 32:96] = shrunk(PHOTOS[2], 64)
        found = measure(photo, uncut, INPUT)
        assert {"dark", "bright", "no_skin"}.isdisjoint(found.notes())
        assert 0.2 < found.skin < 0.3


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 5), st.floats(0.02, 1), st.floats(1.1, 3))
@example(tone=2, gain=0.15625, more=1.25)  # shine at the edge of the skin is skin in one and not in the other
def test_more_light_is_never_darker_and_more_blur_never_sharper(tone, gain, more):
    """What is found to be skin differs a little with the light, so that darker by less than can be seen is no fault."""
    photo = PHOTOS[tone]
    dim, bright = (measure(lit(photo, factor), uncut, INPUT) for factor in (gain, gain * more))
    assert dim.lightness <= bright.lightness + 1.5
    assert sharpness(blurred(photo, more)) < sharpness(blurred(photo, 1)) < sharpness(photo)


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 300), st.integers(20, 300), st.integers(30, 200))
def test_pixels_are_counted_along_the_shorter_side(height, width, size):
    photo = np.full((height, width, 3), (200, 150, 130), np.uint8)
    assert measure(photo, uncut, size).resolution == pytest.approx(min(height, width) / size)


@pytest.mark.parametrize("turn", [0, 30, -75])
@pytest.mark.parametrize("scale", [0.5, 1.3, 2])
def test_what_is_cut_out_counts_by_the_photo_and_not_by_the_crop(turn, scale):
    """A crop of 64 pixels a side that is `scale` times as large as in the photo, turned."""
    photo, side = np.full((400, 400, 3), (200, 150, 130), np.uint8), 64
    transform = cv2.getRotationMatrix2D((200, 200), turn, scale)
    transform[:, 2] += side / 2 - 200

    def cut(picture):
        return cv2.warpAffine(picture, transform, (side, side))

    assert measure(photo, cut, side).resolution == pytest.approx(1 / scale, rel=0.03)


def test_fine_attributes_ask_for_more():
    good = Quality(60, 0, 0.5, 2, 1)
    assert good.why_not(FINE) == good.why_not(PLAIN) == ()
    hazy, near = good._replace(sharpness=0.1), good._replace(resolution=(SMALL + TINY) / 2)
    assert (hazy.why_not(FINE), hazy.why_not(PLAIN)) == (("blurred",), ())
    assert (near.why_not(FINE), near.why_not(PLAIN)) == (("small",), ())
    bad = Quality(0, 1, 0, 0, 0)
    assert bad.why_not(PLAIN) == ("dark", "bright", "tiny", "no_skin")
    assert bad.why_not(FINE) == bad.notes() == ("dark", "bright", "tiny", "no_skin", "blurred")


def test_a_picture_of_one_colour_has_no_detail():
    assert sharpness(np.full((20, 20, 3), 77, np.uint8)) == 0
