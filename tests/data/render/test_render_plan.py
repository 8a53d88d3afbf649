from collections import Counter

import numpy as np
import pytest

from multiskin.data.render.conditions import CONDITIONS
from multiskin.data.render.plan import plan_shots, rated_grades, true_grades

PERSONS = 240
GRADED = {
    "side": {"oil", "sensitivity", "pigmentation"},
    "forehead": {"oil", "sensitivity", "wrinkle"},
    "centre": {"oil", "sensitivity", "wrinkle", "pigmentation"},
    "chin": {"sensitivity", "wrinkle", "hydration"},
}


@pytest.fixture(scope="module")
def shots():
    return plan_shots(0, range(PERSONS))


def test_a_person_is_photographed_from_both_sides_and_once_in_every_other_part(shots):
    for person in range(PERSONS):
        own = [shot for shot in shots if shot.person == person]
        assert sorted((shot.part, shot.mirrored) for shot in own) == [
            ("centre", False), ("chin", False), ("forehead", False), ("side", False), ("side", True)
        ]  # fmt: skip
        assert len({shot.tone for shot in own}) == 1
        assert len({shot.number for shot in own}) == 5


def test_a_part_is_graded_for_its_own_attributes_alone(shots):
    for shot in shots:
        assert set(dict(shot.severities)) == GRADED[shot.part]


@pytest.mark.parametrize("name", CONDITIONS)
def test_grades_are_as_skewed_as_the_histogram(shots, name):
    grades = [true_grades(shot)[name] for shot in shots if shot.part in CONDITIONS[name].parts]
    expected = np.array(CONDITIONS[name].histogram) / sum(CONDITIONS[name].histogram) * len(grades)
    assert np.abs(np.bincount(grades, minlength=5) - expected).max() < 1


@pytest.mark.parametrize("name", CONDITIONS)
def test_an_even_plan_has_as_many_of_every_grade(name):
    shots = plan_shots(0, range(100), evenness=1)
    counts = Counter(true_grades(shot)[name] for shot in shots if shot.part in CONDITIONS[name].parts)
    assert set(counts) == set(range(5))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_tones_are_even_and_say_nothing_of_the_grades(shots):
    assert set(Counter(shot.tone for shot in shots).values()) == {5 * PERSONS // 6}
    for name in CONDITIONS:
        of = [shot for shot in shots if name in dict(shot.severities)]
        together = np.corrcoef([shot.tone for shot in of], [dict(shot.severities)[name] for shot in of])[0, 1]
        assert abs(together) < 3.5 / np.sqrt(len(of))


def test_conditions_are_drawn_independently_of_one_another(shots):
    centre = np.array([sorted(shot.severities) for shot in shots if shot.part == "centre"])[..., 1].astype(float)
    together = np.corrcoef(centre.T) - np.eye(centre.shape[1])
    assert np.abs(together).max() < 3.5 / np.sqrt(PERSONS)


def test_raters_err_in_one_of_ten_photos_independently_and_always_alike(shots):
    pairs = [(true_grades(shot), rated_grades(shot, 0), rated_grades(shot, 1)) for shot in shots]
    first = np.array([a[name] != t[name] for t, a, _ in pairs for name in t])
    second = np.array([b[name] != t[name] for t, _, b in pairs for name in t])
    assert first.mean() == pytest.approx(0.1, abs=0.015)
    assert second.mean() == pytest.approx(0.1, abs=0.015)
    assert (first & second).mean() == pytest.approx(0.01, abs=0.006)
    assert rated_grades(shots[3], 0) == rated_grades(shots[3], 0)


def test_a_plan_follows_from_its_seed():
    assert plan_shots(4, range(6)) == plan_shots(4, range(6))
    assert plan_shots(4, range(6)) != plan_shots(5, range(6))
