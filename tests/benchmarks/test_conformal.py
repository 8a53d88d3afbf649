"""Halves of test subjects: what one calibrates the other judges, and how far chance alone spreads the result."""

import conformal
import numpy as np
import pandas as pd
import pytest

from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("shine", 4), Attribute("kind", 3, kind="nominal")))


def predictions(photos, subjects=None, seed=0):
    """What a calibrated model would say of photos, a tenth of them without a grade."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame({"row": np.arange(photos)})
    if subjects:
        table["subject"] = [f"p{subject}" for subject in random.integers(0, subjects, photos)]
    for attribute in SCHEMA:
        stated = random.dirichlet(np.ones(attribute.grades), photos)
        true = (stated.cumsum(axis=1)[:, :-1] < random.random((photos, 1))).sum(axis=1)
        table[attribute.true_column] = np.where(random.random(photos) < 0.1, np.nan, true)
        table[[f"{attribute.name}_p{grade}" for grade in range(attribute.grades)]] = stated
    return table


@pytest.mark.parametrize("subjects", [None, 40])
def test_sets_of_a_calibrated_model_cover_as_often_as_expected(subjects):
    rows = pd.DataFrame(conformal.rows_of(predictions(120, subjects), SCHEMA, 0))
    assert len(rows) == 2 * 2 * len(conformal.COVERAGES)
    assert (rows["covered"] >= rows["coverage"] - 0.01).all()
    assert (rows["inside"] > 0.9).all()
    randomised = rows[rows["sets"] == "randomised"]
    over = 1 / 20 if subjects else 0  # the vote of the one who is to come, where others share theirs among photos
    assert (randomised["covered"] - randomised["expected"]).between(-0.02, 0.02 + over).all()
    assert (rows.groupby(["attribute", "sets"])["grades"].diff().dropna() > 0).all()  # wider for a higher coverage
    assert rows["subjects"].between(30, 40).all() if subjects else rows["subjects"].between(95, 120).all()


def test_the_expected_spread_is_that_of_ranks_of_exchangeable_scores():
    random = np.random.default_rng(0)
    half = np.arange(40) % 2 == 0
    found = []
    for _ in range(4000):
        scores = random.random(40)
        found.append((scores[~half] <= np.sort(scores[half])[18 - 1]).mean())  # 0.85 of 21
    expected = conformal.summary(np.column_stack([found] * 3), half, 0.85)
    assert expected["expected"] == pytest.approx(18 / 21)
    assert expected["covered"] == pytest.approx(expected["expected"], abs=0.01)
    assert expected["sd"] == pytest.approx(expected["expected_sd"], rel=0.05)
    assert 0.95 <= expected["inside"] < 1
    assert (expected["low"], expected["high"]) == tuple(np.percentile(found, [2.5, 97.5]))


def test_one_half_calibrates_and_the_other_judges():
    scores = np.array([[0.0, 0.5], [0.0, 0.7], [0.0, 0.6], [0.8, 0.0]])
    subject, half = np.arange(4), np.array([True, True, False, False])
    grades = pd.Series([1, 1, 1, 0])
    assert conformal.judge(scores, grades, subject, half, 0.5) == (0.5, 1.5, 0.5)
    assert conformal.judge(scores, grades, subject, ~half, 0.6) == (1.0, 2.0, 1.0)
