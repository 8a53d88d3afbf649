"""Persons are graded from all of their photos together; compared with loops over persons, attributes and photos."""

import json
from dataclasses import replace
from pathlib import Path
from statistics import median_low

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.data.manifest import Manifest
from multiskin.inference.evaluate import evaluate
from multiskin.inference.persons import Persons, measure_persons, true_grades
from multiskin.inference.predictor import Prediction, Predictor
from multiskin.reports.graded import GradedPredictions
from multiskin.schema import MISSING, Attribute, Schema

PARTS = {"shine": ("brow",), "lines": ("brow", "chin")}
SHOWN = {"brow": ("shine", "lines"), "chin": ("lines",), "": ("shine", "lines")}


@pytest.fixture(scope="module")
def world(manifest: Manifest) -> tuple[Manifest, Prediction]:
    """Persons with one to five photos and photos of unknown persons, with random grades and predictions."""
    random = np.random.default_rng(1)
    photos, schema = len(manifest), manifest.schema
    names = np.array(["", "007", "7", "NA", "b", "c", "d", "e", "f"], object)
    grades = np.stack([random.integers(MISSING, head.grades, photos) for head in schema], axis=1)
    grades[random.random(photos) < 0.2] = MISSING
    probabilities = np.zeros((photos, len(schema), schema.max_grades), np.float32)
    for h, head in enumerate(schema):
        probabilities[:, h, : head.grades] = random.dirichlet(np.ones(head.grades), photos)
    scattered = replace(
        manifest,
        grades=grades,
        subject=names[random.integers(0, len(names), photos)],
        part=np.array(["brow", "chin", ""], object)[random.integers(0, 3, photos)],
    )
    nothing = np.zeros((photos, len(schema)))
    return scattered, Prediction(nothing.astype(int), nothing, probabilities)


@pytest.fixture(scope="module")
def persons(world: tuple[Manifest, Prediction], predictor: Predictor) -> Persons:
    found = measure_persons(replace(predictor, parts=PARTS), *world)
    assert found is not None
    return found


def photos_of(manifest: Manifest, name: str) -> list[int]:
    assert manifest.subject is not None
    return [photo for photo in range(len(manifest)) if manifest.subject[photo] == name]


def test_every_known_person_with_a_graded_photo_counts_once(
    persons: Persons, world: tuple[Manifest, Prediction]
) -> None:
    manifest, _ = world
    assert manifest.subject is not None
    graded = {
        name
        for name, grades in zip(manifest.subject.tolist(), manifest.grades.tolist(), strict=True)
        if name and max(grades) != MISSING
    }
    assert sorted(persons.photos.index) == list(persons.photos.index) == sorted(graded)
    assert [len(photos_of(manifest, name)) for name in persons.photos.index] == persons.photos.tolist()


def test_persons_are_graded_from_the_mean_over_photos_that_show_an_attribute(
    persons: Persons, world: tuple[Manifest, Prediction]
) -> None:
    manifest, prediction = world
    assert manifest.part is not None
    for s, name in enumerate(persons.photos.index):
        for h, head in enumerate(manifest.schema):
            rows = [
                prediction.probabilities[photo, h]
                for photo in photos_of(manifest, name)
                if head.name in SHOWN[manifest.part[photo]] or manifest.grades[photo, h] != MISSING
            ]
            if rows:
                mean = np.mean(rows, axis=0)
                np.testing.assert_allclose(persons.prediction.probabilities[s, h], mean, atol=1e-6)
                # the model of these tests decides by median
                assert persons.prediction.grades[s, h] == np.flatnonzero(np.cumsum(mean) >= 0.5 - 1e-6)[0]
            else:
                assert persons.prediction.grades[s, h] == MISSING
                assert np.isnan(persons.prediction.probabilities[s, h]).all()
                assert np.isnan(persons.prediction.scores[s, h])


@pytest.mark.parametrize("decision", ["median", "argmax", "credit"])
def test_the_table_is_blank_if_no_photo_of_a_person_shows_an_attribute(
    decision: str, manifest: Manifest, predictor: Predictor, tmp_path: Path
) -> None:
    photos = len(manifest)
    chins = replace(
        manifest,
        grades=np.where([True, False], MISSING, manifest.grades.clip(min=0)),
        subject=np.array(["a", "b"] * (photos // 2), object),
        part=np.array(["chin"] * photos, object),
    )
    decided = predictor.with_decisions(dict.fromkeys(manifest.schema.names, decision))
    evaluation = evaluate(replace(decided, parts={"shine": ("brow",), "lines": ("chin",)}), chins, num_workers=0)
    table = evaluation.table_of_persons()
    assert table is not None
    table.to_csv(tmp_path / "persons.csv", index=False)
    read = GradedPredictions.load(tmp_path / "persons.csv", manifest.schema, ["subject", "photos"])
    assert (
        read.table["shine"].tolist()
        == read.table["shine_score"].tolist()
        == read.table["shine_p4"].tolist()
        == [""] * 2
    )
    assert read.decisions[:, 0].tolist() == [MISSING] * 2
    assert (read.decisions[:, 1] >= 0).all()
    assert np.isnan(read.probabilities[:, 0]).all()
    np.testing.assert_allclose(read.probabilities[:, 1].sum(axis=-1), 1, atol=1e-3)


def test_metrics_are_over_persons_with_a_true_grade(persons: Persons, world: tuple[Manifest, Prediction]) -> None:
    manifest, _ = world
    several, differing = [0, 0], [0, 0]
    confusion = np.zeros_like(persons.confusion)
    for s, name in enumerate(persons.photos.index):
        for h in range(len(manifest.schema)):
            given_to = [int(g) for g in manifest.grades[photos_of(manifest, name), h] if g != MISSING]
            several[h] += len(given_to) > 1
            differing[h] += len(set(given_to)) > 1
            assert persons.grades[s, h] == (median_low(given_to) if given_to else MISSING)
            if given_to:
                confusion[h, median_low(given_to), persons.prediction.grades[s, h]] += 1
    np.testing.assert_array_equal(persons.confusion, confusion)
    assert persons.several.tolist() == several
    assert persons.differing.tolist() == differing
    assert persons.metrics["shine/n"] == confusion[0].sum()
    assert persons.metrics["shine/accuracy"] == pytest.approx(np.trace(confusion[0]) / confusion[0].sum())
    content = json.loads(json.dumps(persons.to_dict(), allow_nan=False))
    assert content["persons"] == len(persons)
    assert content["heads"]["lines"]["differing"] == differing[1]
    assert content["heads"]["lines"]["confusion"] == confusion[1, :3, :3].tolist()
    assert content["mean"]["accuracy"] == persons.metrics["mean/accuracy"]


NOMINAL = Schema((Attribute("shine", 5), Attribute("kind", 4, kind="nominal")))
grades_of_a_person = st.lists(st.integers(0, 3), max_size=7)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(grades_of_a_person, grades_of_a_person), min_size=1, max_size=4))
def test_the_true_grade_is_the_lower_middle_or_the_most_frequent_one(
    people: list[tuple[list[int], list[int]]],
) -> None:
    graded = np.array([[[of.count(grade) for grade in range(5)] for of in person] for person in people])
    for (ordered, kinds), (middle, commonest) in zip(people, true_grades(graded, NOMINAL).tolist(), strict=True):
        assert middle == (median_low(ordered) if ordered else MISSING)
        assert commonest == (min(range(4), key=lambda grade: (-kinds.count(grade), grade)) if kinds else MISSING)


def test_there_are_no_results_for_persons_with_one_photo_each(
    world: tuple[Manifest, Prediction], predictor: Predictor
) -> None:
    manifest, prediction = world
    alone = np.array([f"p{photo}" for photo in range(len(manifest))], object)
    once = np.where(np.arange(len(manifest))[:, None] % 2, MISSING, 1) * np.ones_like(manifest.grades)
    pairs = np.array([f"p{photo // 2}" for photo in range(len(manifest))], object)
    for subject, grades in ((None, once), (np.full_like(alone, ""), once), (alone, once), (pairs, once)):
        assert measure_persons(predictor, replace(manifest, subject=subject, grades=grades), prediction) is None


def test_a_person_with_one_photo_has_the_prediction_of_that_photo(
    world: tuple[Manifest, Prediction], predictor: Predictor
) -> None:
    manifest, prediction = world
    subject = np.array([f"{photo:02}" for photo in range(len(manifest))], object)
    subject[1] = subject[0]
    grades = np.maximum(manifest.grades, 0)
    found = measure_persons(predictor, replace(manifest, subject=subject, grades=grades), prediction)
    assert found is not None
    np.testing.assert_array_equal(found.prediction.probabilities[1:], prediction.probabilities[2:])
    np.testing.assert_array_equal(found.grades[1:], grades[2:])


def test_an_evaluation_has_results_for_persons_and_photos(predictor: Predictor, manifest: Manifest) -> None:
    evaluation = evaluate(predictor, manifest, num_workers=0)
    assert evaluation.persons is not None
    table = evaluation.table_of_persons()
    assert table is not None
    assert table.columns.tolist()[:3] == ["subject", "photos", "shine_true"]
    assert set(table["photos"]) == {2}
    assert table["lines"].tolist() == evaluation.persons.prediction.grades[:, 1].tolist()
    content = evaluation.to_dict()
    assert content["persons"]["persons"] == len(table) == 12
    assert content["persons"]["heads"]["shine"].keys() == content["heads"]["shine"].keys() | {"several", "differing"}
    without = evaluate(predictor, replace(manifest, subject=None), num_workers=0)
    assert without.table_of_persons() is None
    assert "persons" not in without.to_dict()
