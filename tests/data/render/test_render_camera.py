import numpy as np
import pytest

from multiskin.data.render.camera import EXPOSED_TO, Camera, compress, develop, draw_camera, shoot

PLAIN = Camera(0, (1, 1, 1), blur=1, shot_noise=0, read_noise=0, vignette=0, quality=95)


def test_developing_keeps_order_and_never_wraps_round():
    light = np.linspace(-0.5, 20, 500, dtype=np.float32)
    levels = develop(light).astype(int)
    assert np.all(np.diff(levels) >= 0)
    assert (levels[0], levels[-1]) == (0, 255)


def test_midtones_are_encoded_as_srgb():
    assert develop(np.array([0.2140, 0.0, 0.5], np.float32)).tolist() == [127, 0, 188]


@pytest.mark.parametrize("level", [0.05, 0.6])
def test_exposure_goes_part_of_the_way_to_the_middle(level):
    radiance = np.full((32, 32, 3), level, np.float32)
    photo = shoot(radiance, np.ones((32, 32)), PLAIN, np.random.default_rng(0))
    low, high = sorted([float(develop(np.float32(level))), float(develop(np.float32(EXPOSED_TO)))])
    assert low < photo.mean() < high


def test_a_photo_without_skin_is_taken_all_the_same():
    photo = shoot(np.full((16, 16, 3), 0.3, np.float32), np.zeros((16, 16)), PLAIN, np.random.default_rng(0))
    assert photo.shape == (16, 16, 3)


def test_worse_jpeg_is_further_from_the_photo():
    photo = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    error = [np.abs(compress(photo, quality).astype(int) - photo).mean() for quality in (95, 80, 60)]
    assert error[0] < error[1] < error[2]


def test_cameras_differ():
    rng = np.random.default_rng(0)
    exposures = [draw_camera(rng).exposure for _ in range(200)]
    assert 0.2 < np.std(exposures) < 0.4
