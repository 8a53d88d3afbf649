"""The measures of localisation against loops that follow their definitions, and at chance level."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from multiskin.explain.localisation import area_under_roc, dilated, energy_inside, pointing_game, upsampled

SIZE = 6
MAPS = arrays(np.float32, (3, SIZE, SIZE), elements=st.integers(-3, 3).map(float))  # with many ties
REGIONS = arrays(bool, (3, SIZE, SIZE))
FEW = settings(max_examples=40, deadline=None)


@FEW
@given(MAPS, REGIONS)
def test_the_pointing_game_matches_a_loop(maps: np.ndarray, inside: np.ndarray) -> None:
    for got, plane, region in zip(pointing_game(maps, inside), maps, inside, strict=True):
        top = max(plane.max(), 0)
        hits = [region[y, x] for y in range(SIZE) for x in range(SIZE) if max(plane[y, x], 0) == top]
        assert got == pytest.approx(np.mean(hits))


@FEW
@given(MAPS, REGIONS)
def test_energy_matches_a_loop(maps: np.ndarray, inside: np.ndarray) -> None:
    for got, plane, region in zip(energy_inside(maps, inside), maps, inside, strict=True):
        positive = [(max(value, 0), member) for value, member in zip(plane.flat, region.flat, strict=True)]
        total = sum(value for value, _ in positive)
        share = sum(value for value, member in positive if member) / total if total else region.mean()
        assert got == pytest.approx(share)


@FEW
@given(MAPS, REGIONS)
def test_the_area_under_the_curve_matches_sklearn(maps: np.ndarray, inside: np.ndarray) -> None:
    for got, plane, region in zip(area_under_roc(maps, inside), maps, inside, strict=True):
        expected = roc_auc_score(region.ravel(), plane.ravel()) if 0 < region.mean() < 1 else np.nan
        assert got == pytest.approx(expected, nan_ok=True)


@FEW
@given(REGIONS, st.sampled_from([-2.0, 0.0, 3.0]))
def test_a_uniform_map_scores_at_chance(inside: np.ndarray, height: float) -> None:
    flat = np.full(inside.shape, height, np.float32)
    share = inside.mean(axis=(1, 2))
    np.testing.assert_allclose(energy_inside(flat, inside), share)
    np.testing.assert_allclose(pointing_game(flat, inside), share)
    known = (share > 0) & (share < 1)
    assert (area_under_roc(flat, inside)[known] == 0.5).all()


@FEW
@given(MAPS, REGIONS, st.sampled_from([0.25, 8.0]))
def test_scale_does_not_matter(maps: np.ndarray, inside: np.ndarray, scale: float) -> None:
    for measure in (pointing_game, energy_inside, area_under_roc):
        np.testing.assert_allclose(measure(scale * maps, inside), measure(maps, inside))


def test_the_mask_as_a_map_scores_1_and_its_inverse_0() -> None:
    inside = np.random.default_rng(0).random((4, SIZE, SIZE)) < 0.3
    for measure in (pointing_game, energy_inside, area_under_roc):
        assert (measure(inside.astype(np.float32), inside) == 1).all()
        assert (measure(-1 + 2 * (~inside).astype(np.float32), inside) == 0).all()


def test_energy_weights_pixels_by_soft_masks() -> None:
    maps, soft = np.array([[[1.0, 3.0]]]), np.array([[[1.0, 0.5]]])
    assert energy_inside(maps, soft).tolist() == [(1 + 1.5) / 4]


@FEW
@given(REGIONS, st.floats(0, 4))
def test_dilation_adds_all_pixels_within_the_margin(inside: np.ndarray, margin: float) -> None:
    for got, region in zip(dilated(inside, margin), inside, strict=True):
        members = np.argwhere(region)
        for place in np.ndindex(SIZE, SIZE):
            near = any(np.hypot(*(member - place)) <= margin for member in members)
            assert got[place] == near


def test_upsampling_keeps_the_position_of_cells() -> None:
    cell = np.zeros((2, 4, 4), np.float32)
    cell[0, 1, 2] = cell[1, 3, 0] = 1
    fine = upsampled(cell, 16)
    assert np.unravel_index(fine[0].argmax(), (16, 16)) in [(y, x) for y in (5, 6) for x in (9, 10)]
    assert np.unravel_index(fine[1].argmax(), (16, 16))[0] >= 13
    np.testing.assert_allclose(upsampled(np.full((1, 3, 5), 2.5), 9), 2.5)
    means = fine[0].reshape(4, 4, 4, 4).mean(axis=(1, 3))  # pixels of one cell
    assert np.unravel_index(means.argmax(), (4, 4)) == (1, 2)
