"""Fits repeated with redrawn grades."""

import numpy as np
import pytest
import torch
from calibration import noise_floors
from recalibrated import Fit
from refits import errors_of, redrawn, refits

from multiskin.calibration import GradedProbabilities
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("shine", 4), Attribute("on", 2)))


def photos(number: int, seed: int) -> GradedProbabilities:
    """Photos with true probabilities; every third is not graded for the second attribute."""
    random = np.random.default_rng(seed)
    probabilities = np.zeros((number, 2, 4))
    probabilities[:, 0], probabilities[:, 1, :2] = (
        random.dirichlet([1, 2, 1, 0.5], number),
        random.dirichlet([2, 1], number),
    )
    grades = (random.random((number, 2, 1)) >= probabilities.cumsum(axis=2)[:, :, :-1]).sum(axis=2)
    grades[:, 1] = np.minimum(grades[:, 1], 1)
    grades[::3, 1] = -1
    return GradedProbabilities(probabilities, grades, np.arange(number))


@pytest.fixture
def fit():
    drawn = np.array([[0.22, 0.45, 0.22, 0.11], [2 / 3, 1 / 3, 0, 0]])
    return Fit(SCHEMA, drawn, [[220, 450, 220, 110], [200, 100]])


def test_grades_are_drawn_from_calibrated_probabilities_and_missing_ones_stay(fit):
    one = photos(1, seed=0)
    many = GradedProbabilities(*(np.repeat(part, 4000, axis=0) for part in one))
    many.grades[:100] = -1
    calibrators = fit("vector", photos(50, seed=1))
    found = redrawn(
        many._replace(grades=np.where(many.grades < 0, -1, 0)), SCHEMA, calibrators, np.random.default_rng(2)
    )
    assert (found.grades[:100] == -1).all()
    assert (found.grades[:, 1] == -1).all()  # as the first photo has no second grade
    expected = calibrators["shine"](torch.from_numpy(one.probabilities[:, 0])).numpy()[0]
    np.testing.assert_allclose(np.bincount(found.grades[100:, 0], minlength=4) / 3900, expected, atol=0.03)


def test_the_more_photos_the_fewer_miss_the_noise_floor(fit):
    test = photos(300, seed=3)
    floors = noise_floors(test, SCHEMA)
    few, many = (refits(fit, "cumulative", photos(n, seed=4), test, floors, draws=60) for n in (40, 4000))
    assert (few.missed > many.missed).all()
    assert (many.missed <= 0.1).all()  # 0.025 of perfect calibrations
    assert (few.high > many.high).all()


def test_errors_are_those_of_each_head_on_its_own_photos():
    test = photos(300, seed=6)
    alone = test._replace(grades=np.where([True, False], test.grades, -1))
    assert errors_of(alone, SCHEMA)[0] == errors_of(test, SCHEMA)[0]
    assert np.isnan(errors_of(alone, SCHEMA)[1])
