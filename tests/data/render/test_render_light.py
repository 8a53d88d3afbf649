import numpy as np
import pytest

from multiskin.data.render.geometry import Pose, coordinates, step
from multiskin.data.render.light import Light, draw_light, normals
from multiskin.data.render.noise import fractal, ridged, smooth, warped


def test_normals_of_a_plane_are_those_of_the_plane():
    x, y = coordinates(40, Pose(0, 1, (0, 0)))
    seen = normals((0.5 * x - 0.25 * y).astype(np.float32), unit=20)[20, 20]
    plane = np.array([-0.5, 0.25, 1])
    np.testing.assert_allclose(seen, plane / np.linalg.norm(plane), atol=1e-3)


def test_light_comes_from_above_and_in_front():
    rng = np.random.default_rng(0)
    for _ in range(100):
        light = draw_light(rng)
        assert np.linalg.norm(light.lamp) == pytest.approx(1)
        assert light.lamp[1] < 0 < light.lamp[2]


def test_the_halfway_vector_lies_between_lamp_and_viewer():
    light = Light((0.6, 0, 0.8), 1, 0.3)
    assert light.halfway @ [0.6, 0, 0.8] == pytest.approx(light.halfway @ [0, 0, 1])


def test_coordinates_follow_the_pose():
    x, y = coordinates(50, Pose(0, 1, (0, 0)))
    assert (x[0, 0], y[0, 0]) == pytest.approx((-0.98, -0.98))
    mirrored, _ = coordinates(50, Pose(0, 1, (0, 0), mirrored=True))
    np.testing.assert_allclose(mirrored, -x)
    zoomed, _ = coordinates(50, Pose(0, 2, (0, 0)))
    np.testing.assert_allclose(zoomed, x / 2, atol=1e-6)


def test_step_rises_and_falls():
    value = np.array([0.0, 0.5, 1.0])
    assert step(0, 1, value).tolist() == [0, 0.5, 1]
    assert step(1, 0, value).tolist() == [1, 0.5, 0]


@pytest.mark.parametrize("make", [smooth, fractal])
def test_noise_has_mean_0_and_deviation_1_at_any_scale(make):
    for cells in (6, 20, 60):
        fields = np.stack([make(np.random.default_rng(seed), (96, 96), cells) for seed in range(12)])
        assert abs(fields.mean()) < 0.12
        assert fields.std() == pytest.approx(1, abs=0.25)


def test_noise_is_the_same_pattern_at_every_size():
    large = smooth(np.random.default_rng(0), (192, 192), 8)
    small = smooth(np.random.default_rng(0), (96, 96), 8)
    np.testing.assert_allclose(large.reshape(96, 2, 96, 2).mean(axis=(1, 3)), small, atol=0.05)


def test_ridges_are_thin():
    lines = ridged(np.random.default_rng(0), (128, 128), 8)
    assert lines.max() > 0.95
    assert (lines > 0.5).mean() < 0.2


def test_warping_moves_values_and_makes_none():
    field = smooth(np.random.default_rng(0), (64, 64), 8)
    moved = warped(np.random.default_rng(1), field, cells=8, reach=0.03)
    assert not np.allclose(moved, field)
    assert field.min() <= moved.min()
    assert moved.max() <= field.max()
