"""A bright square in the middle of a photo shows by how much it was rotated and scaled."""

import numpy as np
import pytest

from multiskin.data.transforms import Preprocessing, training_transform

SIZE, SIDE = 96, 24
EXACT = Preprocessing(SIZE, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def pictures(step):
    photo = np.zeros((SIZE, SIZE, 3), np.uint8)
    photo[36:60, 36:60] = 255
    transform = training_transform([step], EXACT, "augment")
    return [transform(photo, seed)[0] for seed in range(20)]


def test_a_scale_lies_within_what_is_asked_for():
    areas = [float(picture.sum()) / SIDE**2 for picture in pictures({"Affine": {"scale": [0.8, 1.2], "p": 1.0}})]
    assert 0.8**2 - 0.05 < min(areas) < 0.85 < 1.15 < max(areas) < 1.2**2 + 0.05


def test_a_turn_keeps_areas_and_goes_no_further_than_is_asked_for():
    turned = pictures({"Rotate": {"limit": 10, "p": 1.0}})
    assert [float(picture.sum()) / SIDE**2 for picture in turned] == pytest.approx([1.0] * 20, abs=0.04)
    tops = [int((picture > 0.5).any(dim=1).nonzero().min()) for picture in turned]
    # by an angle a the corner of the square rises from its half side to half sqrt 2 sin(45 degrees + a)
    highest = SIZE / 2 - SIDE / 2 * np.sqrt(2) * np.sin(np.radians(55))
    assert highest - 1.5 <= min(tops) < 36
