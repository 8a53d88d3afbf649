"""Prediction sets of all heads: their content, their coverage in simulation, and how they are stored."""

import io
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.conformal.coverage import coverage_of
from multiskin.conformal.prediction import ALL, GRADE, ConformalSets, Threshold
from multiskin.conformal.quantile import conformal_quantile
from multiskin.conformal.scores import ORDERS, nonconformity
from multiskin.conformal.sets import highest, lowest
from multiskin.errors import UserError
from multiskin.schema import MISSING, Attribute, Schema

SCHEMA = Schema((Attribute("shine", 5), Attribute("kind", 4, kind="nominal"), Attribute("lines", 2)))
DRAWS = 200


class World:
    """Photos of subjects who differ: a subject's photos resemble each other, and some subjects have many.

    Args:
        schema: the attributes.
        sharpness: the power by which the stated probabilities are those that grades follow; 1 is calibrated.
        most: photos of a subject; 1 to that many.
        seed: of everything.
    """

    def __init__(self, schema=SCHEMA, sharpness=1.0, most=1, seed=0):
        self.schema, self.sharpness, self.most = schema, sharpness, most
        self.rng = np.random.default_rng(seed)

    def photos(self, subjects):
        """Probabilities (N, H, Kmax), grades (N, H) and units (N,)."""
        units = np.repeat(np.arange(subjects), self.rng.integers(1, self.most + 1, subjects))
        shape = (len(units), len(self.schema))
        stated, grades = np.zeros((*shape, self.schema.max_grades)), np.empty(shape, dtype=int)
        for h, attribute in enumerate(self.schema):
            k = attribute.grades
            ease = self.rng.gamma(2.0, 1.0, subjects)[units, None]  # subjects are easy or hard throughout
            true = softmax(ease * (self.rng.normal(size=(subjects, k))[units] + self.rng.normal(size=(len(units), k))))
            grades[:, h] = (true.cumsum(axis=1)[:, :-1] < self.rng.random((len(units), 1))).sum(axis=1)
            stated[:, h, :k] = softmax(self.sharpness * np.log(true))
        return stated, grades, units


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_a_set_extended_by_a_decision_contains_both(seed, limit):
    rng = np.random.default_rng(seed)
    widths = np.array([attribute.grades for attribute in SCHEMA])
    probabilities = np.where(np.arange(5) < widths[:, None], rng.random((20, 3, 5)), 0)
    probabilities /= probabilities.sum(axis=2, keepdims=True)
    decided = (rng.random((20, 3)) * widths).astype(int)
    sets = ConformalSets(SCHEMA, 0.9, None, {name: {ALL: Threshold(limit, 9, 9)} for name in SCHEMA.names})
    before, around = sets.sets(probabilities), sets.sets_with(decided, probabilities)
    assert (around >= before).all()
    assert np.take_along_axis(around, decided[..., None], axis=2).all()
    for h, attribute in enumerate(SCHEMA):
        assert not around[:, h, attribute.grades :].any()
        for row in around[:, h] if attribute.ordinal else ():
            grades = np.flatnonzero(row)
            assert grades.tolist() == list(range(grades[0], grades[-1] + 1))


def covered(world, coverage, subjects=60, evaluated=60, draws=DRAWS):
    """The mean coverage of each head over draws of calibration and other subjects (H,)."""
    found = []
    for _ in range(draws):
        fitted = ConformalSets.fit(world.schema, *world.photos(subjects), coverage)
        probabilities, grades, units = world.photos(evaluated)
        sets = fitted.sets(probabilities)
        found.append(
            [
                coverage_of(sets[:, h, : attribute.grades], grades[:, h], units).covered
                for h, attribute in enumerate(world.schema)
            ]
        )
    return np.mean(found, axis=0)


@pytest.mark.parametrize(("sharpness", "most"), [(1.0, 1), (3.0, 12), (0.3, 12)])
def test_coverage_is_reached_on_average(sharpness, most):
    assert (covered(World(sharpness=sharpness, most=most), 0.9) >= 0.89).all()


def covered_by_chance(world, coverages, subjects=200, draws=DRAWS):
    """The mean coverage of the randomised sets of the first head, at each of these (C,)."""
    attribute = world.schema.attributes[0]
    found = []
    for _ in range(draws):
        sides = []
        for _ in range(2):
            probabilities, grades, units = world.photos(subjects)
            own = probabilities[:, 0, : attribute.grades]
            chance = world.rng.random(len(own))
            sides.append((nonconformity(own, ORDERS[attribute.kind](own), chance), grades[:, 0], units))
        (scores, grades, units), (others, their_grades, their_units) = sides
        own = scores[np.arange(len(grades)), grades]
        thresholds = [conformal_quantile(own, units, coverage) for coverage in coverages]
        found.append([coverage_of(others <= each, their_grades, their_units).covered for each in thresholds])
    return np.mean(found, axis=0)


@pytest.mark.parametrize(
    ("sharpness", "most", "kind"), [(1.0, 1, "ordinal"), (3.0, 12, "ordinal"), (3.0, 12, "nominal")]
)
def test_randomised_sets_have_exact_coverage(sharpness, most, kind):
    world = World(Schema((Attribute("one", 5, kind=kind),)), sharpness, most)
    assert np.abs(covered_by_chance(world, (0.5, 0.9)) - (0.5, 0.9)).max() < 0.01


def test_treating_photos_as_subjects_would_lose_coverage():
    """Each subject's photos are copies of one photo: more scores, but no more information."""
    world = World(Schema((Attribute("one", 5),)), most=1, seed=3)
    asked, kept, broken = 0.9, [], []
    for _ in range(DRAWS):
        probabilities, grades, units = (np.repeat(each, 10, axis=0) for each in world.photos(12))
        others, their_grades, their_units = world.photos(100)
        for found, units_taken in ((kept, units), (broken, np.arange(len(units)))):
            sets = ConformalSets.fit(world.schema, probabilities, grades, units_taken, asked).sets(others)
            found.append(coverage_of(sets[:, 0], their_grades[:, 0], their_units).covered)
    assert np.mean(kept) >= asked - 0.01
    assert np.mean(broken) < asked - 0.01


def test_by_grade_every_true_grade_reaches_the_coverage():
    world = World(Schema((Attribute("one", 4),)), sharpness=3.0)
    skew = np.array([0.05, 0.9, 3.0, 1.0])

    def photos(subjects):
        probabilities, grades, units = world.photos(subjects)
        kept = world.rng.random(subjects) < skew[grades[:, 0]]  # rare grades are hard, since the odds ignore the skew
        return probabilities[kept], grades[kept], units[kept]

    by_grade, overall = [], []
    for _ in range(DRAWS):
        calibration = photos(300)
        probabilities, grades, units = photos(300)
        for found, by in ((by_grade, GRADE), (overall, None)):
            sets = ConformalSets.fit(world.schema, *calibration, 0.9, by).sets(probabilities)
            found.append(coverage_of(sets[:, 0], grades[:, 0], units).by_grade)
    assert (np.nanmean(by_grade, axis=0) >= 0.89).all()
    assert np.nanmean(overall, axis=0).min() < 0.89


def test_by_group_every_group_reaches_the_coverage_and_a_new_one_gets_full_sets():
    """The probabilities of one group are far overconfident."""
    worlds = {"plain": World(seed=1), "overconfident": World(sharpness=4.0, seed=2)}

    def photos(subjects):
        sides = [world.photos(subjects) for world in worlds.values()]
        groups = {"tone": np.repeat(list(worlds), subjects)}
        return [np.concatenate([side[0] for side in sides]), np.concatenate([side[1] for side in sides])], groups

    found = []
    for _ in range(DRAWS):
        (probabilities, grades), groups = photos(50)
        fitted = ConformalSets.fit(SCHEMA, probabilities, grades, np.arange(100), 0.9, "tone", groups)
        (probabilities, grades), groups = photos(50)
        sets = fitted.sets(probabilities, groups)
        held = np.take_along_axis(sets, grades[..., None], axis=2)[..., 0]  # (N, H)
        found.append([held[:50].mean(axis=0), held[50:].mean(axis=0)])
    assert (np.mean(found, axis=0) >= 0.89).all()
    for tone in worlds:  # the group given in advance, or per photo
        of_tone = fitted.for_group(tone)
        assert of_tone.by is None
        assert (of_tone.sets(probabilities) == fitted.sets(probabilities, {"tone": [tone] * 100})).all()
    with pytest.raises(UserError, match=r"--group: unknown value of tone 'blue': .*overconfident"):
        fitted.for_group("blue")
    with pytest.raises(UserError, match="--group: the model's sets are not by group"):
        of_tone.for_group(tone)
    for unknown in ({"tone": [""] * 100}, {}, {"part": ["chin"] * 100}):
        wide = fitted.sets(probabilities, unknown)
        assert (wide >= sets).all()
        assert (wide == fitted.sets(probabilities, {"tone": ["overconfident"] * 100})).all()
    unseen = {"tone": ["blue"] * 100}  # a value that no subject had
    assert (fitted.sets(probabilities, unseen) == fitted.sets(np.ones_like(probabilities), unseen)).all()
    assert all(fitted.sets(probabilities, unseen)[:, h, : each.grades].all() for h, each in enumerate(SCHEMA))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(2, 7), st.booleans()), min_size=1, max_size=4), st.integers(0, 9))
def test_sets_contain_the_mode_have_no_gaps_and_grow_with_coverage(heads, seed):
    schema = Schema(
        tuple(Attribute(f"a{h}", k, kind="ordinal" if ordered else "nominal") for h, (k, ordered) in enumerate(heads))
    )
    world = World(schema, most=3, seed=seed)
    calibration, (probabilities, _, _) = world.photos(15), world.photos(6)
    for by in (None, GRADE):
        narrower = np.zeros_like(probabilities, dtype=bool)
        for coverage in (0.2, 0.5, 0.8, 0.99):
            sets = ConformalSets.fit(schema, *calibration, coverage, by).sets(probabilities)
            assert (sets >= narrower).all()
            narrower = sets
            for h, attribute in enumerate(schema):
                own = sets[:, h]
                assert np.take_along_axis(own, probabilities[:, h].argmax(axis=1)[:, None], axis=1).all()
                assert not own[:, attribute.grades :].any()
                if attribute.ordinal:
                    assert (own.sum(axis=1) == highest(own) - lowest(own) + 1).all()
        assert all(sets[:, h, : attribute.grades].all() for h, attribute in enumerate(schema))  # 15 subjects, 0.99


def test_missing_grades_are_ignored():
    world = World(most=3)
    probabilities, grades, units = world.photos(40)
    grades[world.rng.random(grades.shape) < 0.5] = MISSING
    fitted = ConformalSets.fit(SCHEMA, probabilities, grades, units, 0.8)
    for h, attribute in enumerate(SCHEMA):
        graded = grades[:, h] != MISSING
        alone = ConformalSets.fit(
            Schema((attribute,)), probabilities[graded, h : h + 1], grades[graded, h : h + 1], units[graded], 0.8
        )
        assert fitted.thresholds[attribute.name] == alone.thresholds[attribute.name]
        assert fitted.thresholds[attribute.name][ALL].photos == graded.sum()


@pytest.mark.parametrize("by", [None, GRADE, "tone"])
def test_a_head_without_grades_gets_full_sets(by):
    world = World()
    probabilities, grades, units = world.photos(30)
    grades[:, 0] = MISSING
    groups = {"tone": ["dark"] * 30}
    fitted = ConformalSets.fit(SCHEMA, probabilities, grades, units, 0.5, by, groups)
    assert set(fitted.thresholds["shine"].values()) == {Threshold(math.inf, 0, 0)}
    sets = fitted.sets(probabilities, groups)
    assert sets[:, 0].all()
    assert not sets[:, 1, :4].all()


def test_a_group_without_known_values_gets_full_sets():
    world = World()
    probabilities, grades, units = world.photos(30)
    fitted = ConformalSets.fit(SCHEMA, probabilities, grades, units, 0.5, "tone", {"tone": [""] * 30})
    assert fitted.thresholds == {"shine": {}, "kind": {}, "lines": {}}
    assert fitted.sets(probabilities)[:, 0].all()


def test_thresholds_survive_a_checkpoint():
    world = World()
    calibration, (probabilities, _, _) = world.photos(30), world.photos(20)
    for by in (None, GRADE, "tone"):
        groups = {"tone": ["a", "b", ""] * 10}
        fitted = ConformalSets.fit(SCHEMA, *calibration, 0.8, by, groups)
        file = io.BytesIO()
        torch.save(fitted.to_dict(), file)
        file.seek(0)
        again = ConformalSets.from_dict(torch.load(file, weights_only=True), SCHEMA)
        assert again == fitted
        assert (again.sets(probabilities) == fitted.sets(probabilities)).all()


@pytest.mark.parametrize("coverage", [0, 1, 90])
def test_a_coverage_out_of_range_is_refused(coverage):
    with pytest.raises(UserError, match="coverage is"):
        ConformalSets.fit(SCHEMA, *World().photos(20), coverage)


def test_no_photos_give_no_sets():
    fitted = ConformalSets.fit(SCHEMA, *World().photos(20), 0.8)
    assert fitted.sets(np.empty((0, 3, 5))).shape == (0, 3, 5)
