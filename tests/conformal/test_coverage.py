"""What sets are worth, counted by hand."""

import numpy as np
import pytest

from multiskin.conformal.coverage import coverage_of
from multiskin.schema import MISSING


def test_subjects_have_one_voice_each_and_ungraded_photos_none():
    sets = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1], [1, 0, 0]], dtype=bool)
    grades = np.array([0, 0, 2, 1, MISSING])
    units = np.array([0, 0, 0, 1, 2])
    found = coverage_of(sets, grades, units)
    assert (found.subjects, found.photos) == (2, 4)
    assert found.covered == pytest.approx((2 / 3 + 0) / 2)
    assert found.size == pytest.approx(((2 + 1 + 3) / 3 + 1) / 2)
    assert found.full == pytest.approx((1 / 3 + 0) / 2)
    assert found.by_grade.tolist() == [0.5, 0.0, 1.0]


def test_nothing_is_said_of_nothing():
    found = coverage_of(np.ones((2, 4), dtype=bool), np.full(2, MISSING), np.arange(2))
    assert (found.subjects, found.photos) == (0, 0)
    assert np.isnan([found.covered, found.size, found.full, *found.by_grade]).all()
