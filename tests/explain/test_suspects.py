"""Labels that look wrong: planted errors rank first, whatever grade frequencies the network has learned."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from multiskin.data.manifest import Manifest
from multiskin.explain.suspects import UNLIKELY, UNUSUAL, calibrate, of_grade, rank_suspects, usual
from multiskin.schema import MISSING, Attribute, Schema

ATTRIBUTES = Schema(
    (Attribute("kind", 7, "nominal", grade_names=tuple("abcdefg")), Attribute("step", 5), Attribute("small", 3))
)
SHARES = {
    "kind": (0.36, 0.21, 0.2, 0.1, 0.07, 0.04, 0.02),
    "step": (0.42, 0.3, 0.17, 0.08, 0.03),
    "small": (0.5, 0.3, 0.2),
}
PLANTED = 0.08


def photos(grades, subject=None):
    """A manifest of grades (N, 3), without real photos."""
    size = len(grades)
    return Manifest(
        ATTRIBUTES,
        Path(),
        paths=np.array([f"{i}.jpg" for i in range(size)], dtype=object),
        grades=grades,
        rows=np.arange(2, size + 2),
        split=None,
        subject=subject,
        part=None,
        groups=pd.DataFrame(index=range(size)),
    )


def network(true, attribute, random, sure=1.0, bias=0.0):
    """Probabilities (N, K) of a network that is about as accurate as one on real photos."""
    k = attribute.grades
    if attribute.ordinal:
        seen = true + random.normal(scale=0.7, size=len(true))
        logits = -((np.arange(k) - seen[:, None]) ** 2) / (2 * 0.7**2)
    else:
        logits = np.log(SHARES[attribute.name]) + random.normal(scale=1.2, size=(len(true), k)) + 2.5 * np.eye(k)[true]
    return softmax(sure * (logits + bias * np.arange(k)), axis=1)


def plant(true, k, random):
    wrong = random.random(len(true)) < PLANTED
    return np.where(wrong, (true + random.integers(1, k, len(true))) % k, true), wrong


@pytest.fixture(params=[0, 1])
def planted(request):
    """Photos that lack a third of the grades, the network's probabilities, and which labels are wrong, (N, 3)."""
    random, size = np.random.default_rng(request.param), 2000
    grades, wrong, probabilities = np.full((size, 3), MISSING), np.zeros((size, 3), bool), {}
    for h, attribute in enumerate(ATTRIBUTES):
        true = random.choice(attribute.grades, size, p=SHARES[attribute.name])
        probabilities[attribute.name] = network(true, attribute, random, sure=2.0, bias=0.5)
        given, planted = plant(true, attribute.grades, random)
        graded = random.random(size) < 2 / 3
        grades[graded, h], wrong[:, h] = given[graded], planted & graded
    return photos(grades), probabilities, wrong


@pytest.mark.parametrize("labelled", [["kind", "small"], []])
def test_an_attribute_without_labels_has_no_rows(planted, labelled):
    manifest, probabilities, _ = planted
    lacking = [h for h, name in enumerate(ATTRIBUTES.names) if name not in labelled]
    grades = manifest.grades.copy()
    grades[:, lacking] = MISSING
    whole, table = (rank_suspects(each, probabilities) for each in (manifest, replace(manifest, grades=grades)))
    assert table.columns.tolist() == whole.columns.tolist()
    expected = whole[whole["attribute"].isin(labelled)].drop(columns="rank").reset_index(drop=True)
    pd.testing.assert_frame_equal(table.drop(columns="rank"), expected, check_dtype=False)


def is_wrong(table, wrong):
    """Whether each label of a ranked list is a planted error."""
    return wrong[table["row"] - 2, [ATTRIBUTES.index(name) for name in table["attribute"]]]


def test_every_label_is_listed_once(planted):
    manifest, probabilities, _ = planted
    table = rank_suspects(manifest, probabilities)
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    for h, name in enumerate(ATTRIBUTES.names):
        of_head = table[table["attribute"] == name].sort_values("row")
        graded = manifest.grades[:, h] != MISSING
        assert of_head["row"].tolist() == manifest.rows[graded].tolist()
        assert of_head["image"].tolist() == manifest.paths[graded].tolist()
        words = [ATTRIBUTES[name].grade_label(grade) for grade in manifest.grades[graded, h]]
        assert of_head["given"].tolist() == words


def test_planted_labels_come_first(planted):
    manifest, probabilities, wrong = planted
    table = rank_suspects(manifest, probabilities)
    first = table[: len(table) // 5]
    assert is_wrong(first, wrong).sum() >= 0.75 * wrong.sum()
    for h, (name, least) in enumerate({"kind": 0.9, "step": 0.65, "small": 0.5}.items()):
        found = is_wrong(first[first["attribute"] == name], wrong).sum()
        assert found >= least * wrong[:, h].sum()


def test_most_labels_to_exclude_are_wrong(planted):
    manifest, probabilities, wrong = planted
    table = rank_suspects(manifest, probabilities)
    chosen = table[table["exclude"] == "yes"]
    assert is_wrong(chosen, wrong).mean() >= 0.8
    assert is_wrong(chosen, wrong).sum() >= 0.3 * wrong.sum()
    assert (chosen["p_given"] < UNLIKELY).all()
    assert (chosen["p_given"] < UNUSUAL * chosen["p_usual"]).all()
    assert (chosen["given"] != chosen["suggested"]).all()


def test_labels_are_ordered_by_their_relative_probability(planted):
    manifest, probabilities, _ = planted
    table = rank_suspects(manifest, probabilities)
    assert (table["p_given"] / table["p_usual"]).is_monotonic_increasing
    of_one = table.groupby(["attribute", "given"])
    assert (of_one["p_usual"].nunique() == 1).all()
    assert of_one["p_given"].is_monotonic_increasing.all()


def test_the_suggestion_is_the_likeliest_grade(planted):
    manifest, probabilities, _ = planted
    table = rank_suspects(manifest, probabilities)
    assert (table["p_suggested"] >= table["p_given"]).all()
    same = table["given"] == table["suggested"]
    assert (table["p_suggested"] == table["p_given"])[same].all()


def test_subjects_are_listed_if_known(planted):
    manifest, probabilities, _ = planted
    assert (rank_suspects(manifest, probabilities)["subject"] == "").all()
    named = photos(manifest.grades, np.array([f"p{i // 2}" for i in range(len(manifest))], dtype=object))
    table = rank_suspects(named, probabilities)
    assert table["subject"].tolist() == [f"p{(row - 2) // 2}" for row in table["row"]]


RARE = (0.45, 0.35, 0.14, 0.045, 0.015)


def guessed(true, random, knowledge):
    """Probabilities (N, 5) of a network that knows the grade frequencies but little or nothing about the photo."""
    seen = -knowledge * np.abs(np.arange(5) - true[:, None])
    return softmax(np.log(RARE) + seen + random.normal(scale=0.7, size=(len(true), 5)), axis=1)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("knowledge", [0.0, 0.25])
def test_a_weak_network_does_not_suspect_rare_grades(seed, knowledge):
    """All labels are correct; rare grades are about as likely to rank first as others."""
    random = np.random.default_rng(seed)
    step = random.choice(5, 2000, p=RARE)
    manifest = replace(photos(step[:, None]), schema=Schema((ATTRIBUTES["step"],)))
    table = rank_suspects(manifest, {"step": guessed(step, random, knowledge)})
    rare = table["given"].isin(["3", "4"])
    assert rare.sum() > 80
    assert (table["exclude"] == "yes").sum() <= 0.005 * len(table)
    assert (table["exclude"] == "yes")[rare].mean() <= 0.05
    assert rare[:400].sum() <= 0.6 * rare.sum()


@pytest.mark.parametrize("true", [[0, 0, 0, 1], [0, 1, 2, 3]])
def test_the_usual_probability_of_a_grade(true):
    """The grade's share if nothing is known, 1 if the network is certain, and never 0."""
    known = np.eye(5)[true]
    shares = known.mean(axis=0)
    assert usual(np.tile(shares, (4, 1))) == pytest.approx(shares, abs=1e-6)
    assert usual(known)[true] == pytest.approx(1)
    assert (usual(known) > 0).all()


def test_the_usual_probability_is_the_mean_where_the_grade_is_correct():
    """This holds for calibrated probabilities."""
    random = np.random.default_rng(0)
    p = random.dirichlet((4, 2, 1, 0.3), size=20000)
    true = (random.random(len(p))[:, None] > p.cumsum(axis=1)).sum(axis=1)
    assert usual(p) == pytest.approx([p[true == k, k].mean() for k in range(4)], abs=0.02)


class TestCalibration:
    @pytest.mark.parametrize("attribute", ATTRIBUTES.attributes, ids=lambda attribute: attribute.name)
    def test_confidence_and_bias_of_the_network_make_no_difference(self, attribute):
        random, k = np.random.default_rng(0), attribute.grades
        true = random.choice(k, 1000, p=SHARES[attribute.name])
        usual = network(true, attribute, random)
        given, _ = plant(true, k, random)
        expected = calibrate(usual, given)
        for power in (0.5, 1.5):
            other = softmax(power * (np.log(usual) + random.normal(scale=0.5, size=k)), axis=1)
            assert calibrate(other, given) == pytest.approx(expected, abs=0.04)

    @pytest.mark.parametrize("name", ["kind", "step"])
    def test_the_calibration_error_falls(self, name, planted):
        manifest, probabilities, _ = planted
        h = ATTRIBUTES.index(name)
        graded = manifest.grades[:, h] != MISSING
        given = manifest.grades[graded, h]
        before = probabilities[name][graded]
        after = calibrate(before, given)
        assert after.sum(axis=1) == pytest.approx(1)
        assert calibration_error(after, given) < 0.7 * calibration_error(before, given)

    def test_mean_probabilities_match_the_shares_of_the_labels(self, planted):
        manifest, probabilities, _ = planted
        for h, attribute in enumerate(ATTRIBUTES):
            graded = manifest.grades[:, h] != MISSING
            given = manifest.grades[graded, h]
            calibrated = calibrate(probabilities[attribute.name][graded], given)
            shares = np.bincount(given, minlength=attribute.grades) / len(given)
            assert calibrated.mean(axis=0) == pytest.approx(shares, abs=0.005)

    @pytest.mark.parametrize("given", [[0], [2, 2], [0, 1, 2]])
    def test_few_labels_and_missing_grades_are_handled(self, given):
        calibrated = calibrate(np.eye(3)[given], np.array(given))
        assert of_grade(calibrated, np.array(given)) == pytest.approx(1, abs=1e-3)

    def test_the_loss_is_minimal(self):
        """Any other factor or biases have a higher loss."""
        random = np.random.default_rng(0)
        attribute = ATTRIBUTES["step"]
        true = random.choice(5, 500, p=SHARES["step"])
        p = network(true, attribute, random, sure=2.0, bias=0.5)
        given, _ = plant(true, 5, random)
        least = -np.log(of_grade(calibrate(p, given), given)).mean()
        for _ in range(200):
            other = softmax(random.uniform(0.2, 1.5) * np.log(p) + random.normal(scale=0.7, size=5), axis=1)
            assert -np.log(of_grade(other, given)).mean() > least


def calibration_error(probabilities, given):
    """The expected calibration error over ten bins (Naeini et al., 2015), all grades together."""
    said, came = probabilities.ravel(), np.eye(probabilities.shape[1])[given].ravel()
    tenths = np.minimum((10 * said).astype(int), 9)
    parts = [(tenths == tenth) for tenth in range(10)]
    return sum(abs(said[part].sum() - came[part].sum()) for part in parts) / len(said)


def other_scores(p, given):
    """Established scores on uncalibrated probabilities; higher means more suspicious."""
    of_given, thresholds = of_grade(p, given), np.array([p[given == k, k].mean() for k in range(p.shape[1])])
    others = np.where(np.eye(p.shape[1], dtype=bool)[given], -np.inf, p).max(axis=1)
    distance = np.abs(np.arange(p.shape[1]) - given[:, None])
    return {
        "self-confidence": 1 - of_given,
        "normalised margin": others - of_given,
        "confidence over its class threshold": -of_given / thresholds[given],
        "margin of adjusted confidence": -of_grade(p - thresholds, given),
        "expected distance": (p * distance).sum(axis=1),
    }


def plant_frequent(true, shares, random):
    """Like plant, but wrong grades follow the shares of all grades."""
    wrong = random.random(len(true)) < PLANTED
    others = np.where(np.eye(len(shares), dtype=bool)[true], -np.inf, np.log(shares))
    return np.where(wrong, (others + random.gumbel(size=others.shape)).argmax(axis=1), true), wrong


@pytest.mark.parametrize("bias", [0.0, 0.8])
@pytest.mark.parametrize("frequent", [False, True])
def test_no_other_score_finds_more(bias, frequent):
    """Holds whether or not the network predicts high grades too often.

    The probability alone is slightly better if most labels of a rare grade are wrong, but otherwise lists all of them.
    """
    found: dict[str, list[float]] = {}
    for seed in range(5):
        random = np.random.default_rng(seed)
        for name in ("kind", "step"):
            attribute = ATTRIBUTES[name]
            true = random.choice(attribute.grades, 2000, p=SHARES[name])
            p = network(true, attribute, random, sure=1.5, bias=bias)
            given, wrong = (
                plant_frequent(true, SHARES[name], random) if frequent else plant(true, attribute.grades, random)
            )
            believed = calibrate(p, given)
            p_given = of_grade(believed, given)
            scores = {"ours": -p_given / usual(believed)[given], "alone": -p_given, **other_scores(p, given)}
            for score, values in scores.items():
                first = np.argsort(-values)[: len(true) // 5]
                found.setdefault(score, []).append(wrong[first].sum() / wrong.sum())
    recall = {score: np.mean(values) for score, values in found.items()}
    ours, alone = recall.pop("ours"), recall.pop("alone")
    assert ours >= max(recall.values()) - 0.01
    assert ours >= alone + (0.005 if frequent else -0.03)
    assert ours >= 0.8
