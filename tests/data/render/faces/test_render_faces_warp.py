import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.data.render.faces.landmarks import TEMPLATE
from multiskin.data.render.faces.warp import Similarity, fit_similarity, fit_spline

numbers = st.floats(-3, 3)


def apply(warp, points):
    return np.stack(warp(points[:, 0], points[:, 1]), axis=1)


@settings(max_examples=20, deadline=None)
@given(numbers, st.floats(0.1, 50), numbers, numbers)
def test_a_similarity_is_found_again(turn, scale, right, down):
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = TEMPLATE @ rotation.T + [right, down]
    fit = fit_similarity(TEMPLATE, moved)
    np.testing.assert_allclose(apply(fit, TEMPLATE), moved, atol=1e-8)
    np.testing.assert_allclose(apply(fit.inverse, moved), TEMPLATE, atol=1e-8)


def test_a_similarity_fits_better_than_those_beside_it():
    noisy = TEMPLATE + np.random.default_rng(0).normal(0, 0.3, TEMPLATE.shape)
    fit = fit_similarity(TEMPLATE, noisy)
    least = ((apply(fit, TEMPLATE) - noisy) ** 2).sum()
    for change in (0.01, -0.01, 0.01j, -0.01j):
        for beside in (Similarity(fit.factor + change, fit.offset), Similarity(fit.factor, fit.offset + change)):
            assert ((apply(beside, TEMPLATE) - noisy) ** 2).sum() > least


def test_a_similarity_does_not_reflect():
    fit = fit_similarity(TEMPLATE, TEMPLATE * [-1, 1])
    assert abs(apply(fit, TEMPLATE) - TEMPLATE * [-1, 1]).max() > 1


def test_a_spline_leaves_what_fits_and_bends_what_does_not():
    np.testing.assert_allclose(apply(fit_spline(TEMPLATE, TEMPLATE), TEMPLATE), TEMPLATE, atol=1e-9)
    bent = TEMPLATE + 0.2 * np.sin(TEMPLATE[:, ::-1])
    spline = fit_spline(bent, TEMPLATE)
    assert abs(apply(spline, bent) - TEMPLATE).max() < 0.05 < abs(bent - TEMPLATE).max()
    between = np.array([[0.3, 0.7], [-1.2, -1.5], [0.5, 3.0]])
    there = between + 0.2 * np.sin(between[:, ::-1])
    np.testing.assert_allclose(apply(spline, there), between, atol=0.05)


def test_a_spline_is_smooth_beyond_its_knots():
    spline = fit_spline(TEMPLATE + 0.1 * np.cos(TEMPLATE), TEMPLATE)
    x, _ = spline(np.linspace(-6, 6, 200), np.zeros(200))
    assert np.diff(x) == pytest.approx(np.full(199, 12 / 199), rel=0.5)
