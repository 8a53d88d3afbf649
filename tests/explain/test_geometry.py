"""Regions of photos, checked by applying real transforms to a picture of its own coordinates."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.data.transforms import PhotoTransform, Preprocessing, evaluation_transform
from multiskin.explain.geometry import WHOLE, Box, Region, on_photo, region_of

SIZE = 24
CORNERS = ("center", "top_left", "top_right", "bottom_left", "bottom_right")


def transform_of(*steps) -> PhotoTransform:
    return evaluation_transform(Preprocessing(SIZE, (0.0,) * 3, (1.0,) * 3, steps))


def coordinates(height: int, width: int) -> np.ndarray:
    """A picture (h, w, 3) whose pixels hold the coordinates of their centres: x, y, 0."""
    y, x = np.mgrid[:height, :width] + np.float32(0.5)
    return np.stack([x, y, 0 * x], axis=2).astype(np.float32)


sizes = st.integers(30, 120)
resizes = st.builds(lambda h, w: {"Resize": {"size": [h, w]}}, sizes, sizes)
crops = st.builds(
    lambda h, w, corner: {"CenterCrop": {"size": [h, w], "pad_position": corner}},
    sizes,
    sizes,
    st.sampled_from(CORNERS),
)


@given(sizes, sizes, st.lists(resizes | crops | st.just("Resize"), max_size=3))
@settings(max_examples=50, deadline=None)
def test_the_region_is_what_the_transform_shows(height: int, width: int, steps: list) -> None:
    transform = transform_of(*steps)
    shown = transform(coordinates(height, width), seed=0).numpy() * 255  # (x and y and 0, S, S), pixels of the photo
    frame, seen = region_of(transform, height, width)
    share = (np.arange(SIZE) + 0.5) / SIZE
    coarsest = max(height, width) / SIZE  # a step may have made the picture as small as this
    for found, side, (start, end), (first, last) in (
        (shown[0].mean(axis=0), width, frame[::2], seen[::2]),
        (shown[1].mean(axis=1), height, frame[1::2], seen[1::2]),
    ):
        expected = (start + share * (end - start)) * side
        inside = (expected > first * side + coarsest) & (expected < last * side - coarsest)
        assert np.abs(found - expected)[inside].max(initial=0) < coarsest


@pytest.mark.parametrize(
    ("steps", "frame", "seen"),
    [
        (["Resize"], (0, 0, 1, 1), (0, 0, 1, 1)),
        ([], (0, 0, 1, 1), (0, 0, 1, 1)),
        ([{"CenterCrop": {"size": [50, 100]}}], (0.25, 0.25, 0.75, 0.75), (0.25, 0.25, 0.75, 0.75)),
        ([{"CenterCrop": {"size": [100, 400]}}], (-0.5, 0, 1.5, 1), (0, 0, 1, 1)),
        ([{"CenterCrop": {"size": [100, 400], "pad_position": "top_left"}}], (0, 0, 2, 1), (0, 0, 1, 1)),
        (
            [{"Resize": {"size": 200}}, {"CenterCrop": {"size": 100}}],
            (0.25, 0.25, 0.75, 0.75),
            (0.25, 0.25, 0.75, 0.75),
        ),
        ([{"CenterCrop": {"size": 100}}, {"CenterCrop": {"size": 200}}], (0, -0.5, 1, 1.5), (0.25, 0, 0.75, 1)),
    ],
)
def test_regions_of_a_photo_twice_as_wide_as_high(steps: list, frame: tuple, seen: tuple) -> None:
    found = region_of(transform_of(*steps), 100, 200)
    assert tuple(found.frame) == pytest.approx(frame)
    assert tuple(found.seen) == pytest.approx(seen)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(10, 60), st.integers(10, 60), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_upsampling_is_bilinear(h: int, w: int, height: int, width: int, seed: int) -> None:
    maps = np.random.default_rng(seed).normal(size=(2, h, w)).astype(np.float32)
    expected = torch.nn.functional.interpolate(torch.from_numpy(maps)[None], (height, width), mode="bilinear")[0]
    np.testing.assert_allclose(on_photo(maps, WHOLE, height, width), expected, atol=1e-5)


def test_a_crop_covers_only_its_region() -> None:
    maps = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)
    found = on_photo(maps, Region(*[Box(0.25, 0.5, 0.75, 1)] * 2), 40, 80)
    inside = np.zeros((40, 80), bool)
    inside[20:, 20:60] = True
    assert (np.isnan(found) == ~inside).all()
    expected = torch.nn.functional.interpolate(torch.from_numpy(maps)[None], (20, 40), mode="bilinear")[0]
    np.testing.assert_allclose(found[:, 20:, 20:60], expected, atol=1e-5)


def test_padding_is_cut_off() -> None:
    ramp = np.arange(8, dtype=np.float32)[None, None].repeat(8, axis=1)
    found = on_photo(ramp, Region(Box(-0.5, 0, 1.5, 1), WHOLE.seen), 4, 40)[0]
    assert not np.isnan(found).any()
    assert found[0, [0, -1]] == pytest.approx([1.55, 5.45])  # a quarter and three quarters of the ramp
