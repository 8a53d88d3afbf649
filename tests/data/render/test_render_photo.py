import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import cv2
import numpy as np
import pytest

from multiskin.data.render.conditions import CONDITIONS
from multiskin.data.render.ground import REGIONS
from multiskin.data.render.light import shade
from multiskin.data.render.photo import Shot, draw_scene, photograph

SEVERITIES = (0.1, 0.3, 0.5, 0.7, 0.9)
GRADED = [(name, part) for name, condition in CONDITIONS.items() for part in condition.parts]


def shot(part="centre", severity=0.0, name=None, tone=2, seed=5, size=96):
    """Every condition at severity 0 except the one named."""
    severities = tuple((each, severity if each == name else 0.0) for each in CONDITIONS)
    return Shot(seed, person=1, number=3, part=part, mirrored=False, tone=tone, severities=severities, size=size)


def test_a_photo_is_the_same_in_another_process():
    photo = photograph(shot(name="pigmentation", severity=0.6))
    pixels_and_masks = photo.pixels.tobytes() + b"".join(photo.masks[name].tobytes() for name in sorted(photo.masks))
    script = (
        "from hashlib import sha256; from multiskin.data.render.photo import *;"
        f"photo = photograph({shot(name='pigmentation', severity=0.6)!r});"
        "print(sha256(photo.pixels.tobytes() + b''.join(photo.masks[n].tobytes() for n in sorted(photo.masks)))"
        ".hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert there == sha256(pixels_and_masks).hexdigest()


def test_a_photo_is_the_same_on_one_thread_and_on_several():
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = photograph(shot(name="oil", severity=0.6, size=192)).pixels
        cv2.setNumThreads(4)
        np.testing.assert_array_equal(photograph(shot(name="oil", severity=0.6, size=192)).pixels, alone)
    finally:
        cv2.setNumThreads(threads)


def test_photos_differ_by_seed_person_and_number():
    one = shot()
    others = [replace(one, seed=6), replace(one, person=2), replace(one, number=4)]
    assert len({photograph(each).pixels.tobytes() for each in [one, *others]}) == 4


@pytest.mark.parametrize("part", ["side", "forehead", "centre", "chin"])
def test_a_photo_is_rgb_bytes_with_a_mask_for_each_graded_condition(part):
    severities = (("oil", 1.0), ("wrinkle", 0.7))
    photo = photograph(replace(shot(part), severities=severities, size=80))
    assert photo.pixels.shape == (80, 80, 3)
    assert photo.pixels.dtype == np.uint8
    assert 40 < photo.pixels.mean() < 220
    assert set(photo.masks) == {"oil", "wrinkle"}
    for mask in photo.masks.values():
        assert mask.shape == (80, 80)
        assert 0 <= mask.min() < mask.max() <= 1


@pytest.mark.parametrize(("name", "part"), GRADED)
class TestCondition:
    def test_has_an_empty_mask_at_severity_0(self, name, part):
        masks = draw_scene(shot(part))[2]
        assert masks[name].max() == 0

    def test_grows_with_severity_within_its_mask(self, name, part):
        bare = radiance(part)
        mask = draw_scene(shot(part, 1.0, name))[2][name] > 0.1
        change = [np.abs(radiance(part, severity, name) - bare)[mask].mean() for severity in SEVERITIES]
        assert np.all(np.diff(change) > 0)
        area = [draw_scene(shot(part, severity, name))[2][name].sum() for severity in SEVERITIES]
        assert np.all(np.diff(area) > 0)

    def test_leaves_what_is_far_from_its_mask_alone(self, name, part):
        mask = draw_scene(shot(part, 1.0, name))[2][name]
        change = np.abs(radiance(part, 1.0, name) - radiance(part)).mean(axis=2)
        assert change[near(mask > 0.02) == 0].mean() < 0.1 * change[mask > 0.3].mean()

    def test_is_drawn_apart_from_the_other_conditions(self, name, part):
        alone = draw_scene(shot(part, 0.8, name))[2][name]
        among = replace(shot(part), severities=tuple((each, 0.8) for each in CONDITIONS))
        np.testing.assert_array_equal(draw_scene(among)[2][name], alone)


def radiance(part, severity=0.0, name=None):
    ground, light, _ = draw_scene(shot(part, severity, name))
    return shade(ground, light)


def near(mask, reach=2):
    """Pixels within a square of the mask, by the definition."""
    found = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        found[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1] = True
    return found


def test_darker_tones_send_less_light():
    seen = []
    for tone in range(6):
        ground, light, _ = draw_scene(shot("forehead", tone=tone))
        seen.append(shade(ground, light)[ground.skin > 0.9].mean())
    assert np.all(np.diff(seen) < 0)


def test_a_mirrored_side_shows_the_ear_on_the_other_edge():
    right = draw_scene(shot("side"))[0]
    left = draw_scene(replace(shot("side"), mirrored=True))[0]
    assert (right.x[0, -1] > 0) != (left.x[0, -1] > 0)
    assert right.skin[:, :10].mean() > right.skin[:, -10:].mean()
    assert left.skin[:, :10].mean() < left.skin[:, -10:].mean()


@pytest.mark.parametrize("part", ["side", "forehead", "centre", "chin"])
def test_a_ground_has_every_region_and_single_precision_layers(part):
    ground, _, _ = draw_scene(shot(part))
    assert set(ground.regions) == set(REGIONS)
    for layer in (ground.skin, ground.albedo, ground.form, ground.solid, ground.relief, ground.sheen, ground.film):
        assert layer.dtype == np.float32
    for region in ground.regions.values():
        assert region.shape == ground.shape
        assert 0 <= region.min() <= region.max() <= 1 + 1e-6
