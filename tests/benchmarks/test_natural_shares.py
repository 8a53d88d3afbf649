"""Divisions keep subjects together, and scores are compared within divisions."""

import natural_shares
import numpy as np
import pandas as pd
import pytest
import torch
from natural_shares import AS_TRAINED, SHARES, averaged, divided, judged, pooled
from probes import STEPS, Graded, Setting
from tables import scores

from multiskin.schema import Attribute


def graded(photos: int, seed: int = 0) -> Graded:
    """Photos of as many grades as 4, two of each subject, with a feature that tells the grade roughly."""
    random = np.random.default_rng(seed)
    grades = random.integers(0, 4, photos)
    features = np.c_[grades + random.normal(size=photos), random.normal(size=(photos, 2))]
    return Graded(torch.from_numpy(features).float(), torch.from_numpy(grades), np.arange(photos) // 2)


def test_pooled_photos_share_no_subject():
    both = pooled(graded(10), graded(6))
    assert both.units.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]
    assert len(both.features) == len(both.grades) == 16


@pytest.mark.parametrize("population", ["same", "other"])
def test_subjects_are_on_one_side(population):
    photos = graded(2000)
    part = divided(photos, 4, 0, population)
    sides = [{*photos.units[part == p]} for p in range(3)]
    assert len(set.union(*sides)) == sum(map(len, sides))
    assert len(sides[0]) / 1000 == pytest.approx(0.7, abs=0.05)


def test_another_population_lacks_photos_of_some_grades_and_trains_on_the_same():
    photos = graded(4000)
    same, other = (divided(photos, 4, 3, population) for population in ("same", "other"))
    assert (same >= 0).all()
    np.testing.assert_array_equal(same == 0, other == 0)
    kept = [(other[(same > 0) & (photos.grades.numpy() == grade)] > 0).mean() for grade in range(4)]
    assert max(kept) == 1
    assert min(kept) < 0.8


def test_every_choice_of_shares_is_judged_on_the_same_photos():
    rows = list(judged(graded(600), Attribute("shine", 4), Setting(0.01, 1.0, STEPS[0]), 0, "other"))
    assert [row["shares"] for row in rows] == [AS_TRAINED, *SHARES]
    assert len({row["log_loss"] for row in rows}) == 4


def test_scores_are_averaged_and_compared_within_each_division():
    rows = pd.DataFrame(
        [
            {"attribute": a, "division": d, "population": p, "shares": s, "error": 0.1, "within": 1.0, "log_loss": 1.0}
            | {"rps": 0.2 + 0.01 * d - (0.001 if s == "estimated" and (a, d) != ("one", 1) else 0)}
            for a in ("one", "two")
            for d in (0, 1)
            for p in ("same", "other")
            for s in (AS_TRAINED, *SHARES)
        ]
    )
    table = averaged(rows).set_index(["population", "shares", "attribute"])
    assert table.loc[("same", "estimated", "one"), "better"] == 0.5
    assert table.loc[("other", "estimated", "mean"), "better"] == 1
    assert table.loc[("other", "of training", "mean"), "better"] == 0
    assert table.loc[("same", "of the photos", "two"), "rps"] == pytest.approx(0.205)
    assert len(table) == 2 * 4 * 3
    source = {"divisions": 2, "command": "python x", "machine": "a machine"}
    lines = scores.shares(source, table.reset_index())
    assert lines[4].startswith("| same population | of training | 0.1000 | 100% |")
    assert "2 attributes and 2 divisions" in lines[-1]


def test_the_usual_shares_are_those_that_others_are_compared_with():
    assert natural_shares.USUAL == "of the photos"
