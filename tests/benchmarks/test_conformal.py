"""Coverage of conformal sets over random splits of test subjects, and its expected distribution."""

from functools import cache, partial

import conformal
import numpy as np
import pandas as pd
import pytest
from tables.scores import coverage

from multiskin.conformal.prediction import ConformalSets
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("shine", 4), Attribute("kind", 3, kind="nominal")))
TRUE = [attribute.true_column for attribute in SCHEMA]


def predictions(photos, subjects=None, seed=0):
    """Predictions of a calibrated model, with a tenth of the true grades missing."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame({"row": np.arange(photos), "image": [f"{row}.jpg" for row in range(photos)]})
    if subjects:
        table["subject"] = [f"p{subject}" for subject in random.integers(0, subjects, photos)]
    for attribute in SCHEMA:
        stated = random.dirichlet(np.ones(attribute.grades), photos)
        table[attribute.name] = random.integers(0, attribute.grades, photos)  # often outside bare sets
        true = (stated.cumsum(axis=1)[:, :-1] < random.random((photos, 1))).sum(axis=1)
        table[attribute.true_column] = np.where(random.random(photos) < 0.1, np.nan, true)
        table[[f"{attribute.name}_p{grade}" for grade in range(attribute.grades)]] = stated
    return table


@cache
def judged(subjects=None):
    """The results of 120 photos, cached since they take a second."""
    return pd.DataFrame(conformal.coverage_rows(predictions(120, subjects), SCHEMA, 0))


@pytest.mark.slow
@pytest.mark.parametrize("subjects", [None, 40])
def test_sets_of_a_calibrated_model_cover_as_often_as_expected(subjects):
    rows = judged(subjects)
    assert len(rows) == 2 * 3 * len(conformal.COVERAGES)
    assert (rows["covered"] >= rows["coverage"] - 0.01).all()
    assert (rows.loc[rows["sets"] != "given", "inside"] > 0.9).all()
    randomised = rows[rows["sets"] == "randomised"]
    over = 1 / 20 if subjects else 0  # excess of up to 1 / (S + 1) with several photos per subject
    assert (randomised["covered"] - randomised["coverage"]).between(-0.01, 0.01 + over).all()
    assert (rows.groupby(["attribute", "sets"])["grades"].diff().dropna() > 0).all()  # wider for a higher coverage
    assert rows["subjects"].between(30, 40).all() if subjects else rows["subjects"].between(95, 120).all()


@pytest.mark.slow
def test_given_sets_are_larger_and_cover_more_than_deterministic_ones():
    kinds = ["attribute", "coverage", "sets"]
    rows = judged().set_index(kinds)
    given, bare = (rows.xs(sets, level="sets") for sets in ("given", "deterministic"))
    assert (given[["grades", "covered"]] > bare[["grades", "covered"]]).all(axis=None)


@pytest.mark.slow
def test_given_sets_are_those_of_a_calibrated_model():
    table = predictions(60, subjects=25)
    attribute = SCHEMA.attributes[0]
    photos = conformal.Photos.of(table, attribute)
    first = photos.subject % 2 == 0
    found = conformal.given(photos, attribute, first, 0.8)
    every, n = [f"{each.name}_p{grade}" for each in SCHEMA for grade in range(4)], int((~first).sum())
    graded = table[table["shine_true"].notna()].reindex(columns=[*table.columns, "kind_p3"])
    probabilities = graded[every].to_numpy().reshape(-1, 2, 4)
    grades, decided = (graded[[*names]].fillna(-1).to_numpy(int) for names in (TRUE, SCHEMA.names))
    model = ConformalSets.fit(SCHEMA, probabilities[first], grades[first], photos.subject[first], 0.8)
    expected = model.sets_with(decided[~first], probabilities[~first])
    np.testing.assert_array_equal(found, expected[:, 0])
    assert found[np.arange(n), decided[~first, 0]].all()


def test_readme_table_shows_given_sets_and_the_coverage_of_randomised_ones():
    rows = judged()
    lines = coverage({"draws": "halves", "command": "python", "machine": "a machine"}, rows)
    found = rows.set_index(["attribute", "sets", "coverage"])
    given, randomised = (found.loc[("kind", sets, 0.9)] for sets in ("given", "randomised"))
    line = next(line for line in lines if line.startswith("| kind"))
    assert f"| {given['covered']:.3f}, {given['grades']:.1f} | {randomised['covered']:.3f} |" in line


def test_provenance_has_the_commit_of_every_run(tmp_path):
    runs = [tmp_path / "a-0", tmp_path / "a-1"]
    for run, commit in zip(runs, ["c0", "c1"], strict=True):
        run.with_name(f"{run.name}.json").write_text(f'{{"commit": "{commit}"}}')
    assert conformal.provenance("a", runs, None)["trained_at"] == ["c0", "c1"]
    runs.append(tmp_path / "b-0")
    with pytest.raises(SystemExit, match=r"b-0: no b-0\.json .* --commit"):
        conformal.provenance("a", runs, None)
    source = conformal.provenance("a", runs, "c2")
    assert source["trained_at"] == ["c0", "c1", "c2"]
    assert source["command"].endswith(f" --runs {' '.join(map(str, runs))} --commit c2")


def test_expected_distribution_is_that_of_exchangeable_scores():
    random = np.random.default_rng(0)
    half = np.arange(40) % 2 == 0
    found = []
    for _ in range(4000):
        scores = random.random(40)
        found.append((scores[~half] <= np.sort(scores[half])[18 - 1]).mean())  # rank ceil(0.85 * 21)
    expected = conformal.summary(np.column_stack([found] * 3), half, 0.85)
    assert expected["expected"] == pytest.approx(18 / 21)
    assert expected["covered"] == pytest.approx(expected["expected"], abs=0.01)
    assert expected["sd"] == pytest.approx(expected["expected_sd"], rel=0.05)
    assert 0.95 <= expected["inside"] < 1
    assert (expected["low"], expected["high"]) == tuple(np.percentile(found, [2.5, 97.5]))


def test_one_half_calibrates_and_the_other_is_evaluated():
    scores = np.array([[0.0, 0.5], [0.0, 0.7], [0.0, 0.6], [0.8, 0.0]])
    half, true = np.array([True, True, False, False]), np.array([1, 1, 1, 0])
    photos = conformal.Photos(np.zeros((4, 2)), true, true, np.arange(4))
    bare = partial(conformal.within, scores, photos)
    assert conformal.evaluate_split(bare, photos, half, 0.5) == (0.5, 1.5, 0.5)
    assert conformal.evaluate_split(bare, photos, ~half, 0.6) == (1.0, 2.0, 1.0)
