"""Overlays against a loop over pixels."""

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.explain.overlays import EVIDENCE, SIGNED, Colours, coloured, overlay

PHOTO = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
MAP = np.random.default_rng(1).normal(size=(6, 7))


def slow_overlay(photo, values, limit, opacity, colours):
    result = np.empty_like(photo)
    for place in np.ndindex(values.shape):
        strength = min(max(values[place] / limit, colours.lowest), 1)
        colour = mpl.colormaps[colours.name](colours.zero + (1 - colours.zero) * strength)
        cover = opacity * abs(strength)
        for channel in range(3):
            result[(*place, channel)] = round((1 - cover) * photo[(*place, channel)] + cover * 255 * colour[channel])
    return result


@pytest.mark.parametrize("colours", [EVIDENCE, SIGNED])
@given(st.floats(0.01, 10), st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_pixels_are_blended_by_their_strength(colours: Colours, limit: float, opacity: float) -> None:
    expected = slow_overlay(PHOTO, MAP, limit, opacity, colours)
    found = overlay(PHOTO, MAP, limit, opacity, colours)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("colours", [EVIDENCE, SIGNED])
def test_the_photo_is_unchanged_where_the_map_is_zero_or_nan(colours: Colours) -> None:
    values = np.zeros(PHOTO.shape[:2])
    values[0] = np.nan
    np.testing.assert_array_equal(overlay(PHOTO, values, 1.0, 1.0, colours), PHOTO)
    np.testing.assert_array_equal(overlay(PHOTO, MAP, 1.0, 0.0, colours), PHOTO)


def test_negative_values_are_shown_only_in_signed_colours() -> None:
    less = -np.abs(MAP)
    np.testing.assert_array_equal(overlay(PHOTO, less, 1.0), PHOTO)
    assert (overlay(PHOTO, less, 1.0, colours=SIGNED) != PHOTO).any(axis=2).all()
    assert (EVIDENCE.shown(MAP) >= 0).all()
    np.testing.assert_array_equal(SIGNED.shown(MAP), MAP)


def test_colours_saturate_at_the_limit_and_the_photo_shows_through() -> None:
    full = overlay(PHOTO, np.full(MAP.shape, 2.0), 2.0)
    np.testing.assert_array_equal(overlay(PHOTO, np.full(MAP.shape, 50.0), 2.0), full)
    assert len(np.unique(full.reshape(-1, 3), axis=0)) > 1


def test_noise_far_below_the_limit_is_invisible() -> None:
    noise = 0.004 * np.abs(MAP) / np.abs(MAP).max()
    assert np.abs(overlay(PHOTO, noise, 1.0).astype(int) - PHOTO).max() <= 1


def test_stronger_values_are_lighter_on_any_uniform_background() -> None:
    """So the order is visible to readers who see no hues, and in print without colour."""
    ramp = np.linspace(0, 1, 40)[None]
    for grey in (40, 120):
        painted = overlay(np.full((1, 40, 3), grey, np.uint8), ramp, 1.0)
        luminance = painted[0] @ np.array([0.2126, 0.7152, 0.0722])
        assert (np.diff(luminance) >= -0.5).all()


@pytest.mark.parametrize("colours", [EVIDENCE, SIGNED])
@given(st.floats(0.01, 10))
@settings(max_examples=20, deadline=None)
def test_a_separate_layer_over_a_photo_matches_the_overlay(colours: Colours, limit: float) -> None:
    layer = coloured(MAP, limit, colours)
    assert layer.shape == (*MAP.shape, 4)
    assert layer.dtype == np.uint8
    share = layer[..., 3:] / 255
    laid = (1 - share) * PHOTO + share * layer[..., :3]
    assert np.abs(laid - overlay(PHOTO, MAP, limit, 1.0, colours)).max() <= 2  # both are rounded


def test_a_separate_layer_is_transparent_where_the_map_is_zero_or_nan() -> None:
    values = np.array([[0.0, np.nan, -1.0, 1.0]])
    assert coloured(values, 1.0)[0, :, 3].tolist() == [0, 0, 0, 255]
    assert coloured(values, 1.0, SIGNED)[0, :, 3].tolist() == [0, 0, 255, 255]
