"""The table of a comparison against a slow recomputation, photo by photo, and its general properties."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, cohen_kappa_score, mean_absolute_error, recall_score

from multiskin.compare.answers import Pair, Predictions
from multiskin.compare.statistics import against_itself, compare, gain_percent
from multiskin.schema import Attribute

METRICS = ["p_recall", "kappa", "mae", "macro_mae", "accuracy", "rps"]
LIMITS = ["trained_low", "trained_high", "method_low", "method_high"]


def answers(true: np.ndarray, k: int, noise: float, seeds: int, random: np.random.Generator) -> Predictions:
    off = np.rint(random.normal(0, noise, (seeds, len(true)))).astype(int)
    predicted = np.clip(true + off, 0, k - 1)
    weights = np.exp(-np.abs(predicted[..., None] - np.arange(k))) + random.random((seeds, len(true), k))
    return Predictions(predicted, weights / weights.sum(-1, keepdims=True))


def made(
    name: str = "depth", k: int = 4, photos: int = 60, subjects: int = 15, seeds: int = 3, seed: int = 0, kind="ordinal"
) -> Pair:
    """Photos of some subjects (unknown ones if subjects is 0) that both sides grade about equally well."""
    random = np.random.default_rng(seed)
    every = np.sort(random.permutation(2 * photos)[:photos])  # not every photo is graded for every attribute
    true = random.choice(k, photos, p=(np.arange(k) + 1)[::-1] / np.sum(np.arange(k) + 1))
    owners = [f"person {photo % subjects}" if subjects else "" for photo in every]
    sides = [answers(true, k, noise, seeds, random) for noise in (0.8, 0.9)]
    images = np.array([f"{photo:03}.jpg" for photo in every])
    return Pair(Attribute(name, k, kind), images, np.array(owners), true, *sides)


def right(name: str, candidate: int, baseline: int) -> Pair:
    """A hundred photos of as many subjects, of which the sides grade the given numbers correctly; one seed."""
    photos = np.arange(100)
    sides = [
        Predictions((photos >= number)[None].astype(int), np.full((1, 100, 2), 0.5)) for number in (candidate, baseline)
    ]
    return Pair(Attribute(name, 2), photos.astype(str), photos.astype(str), np.zeros(100, dtype=int), *sides)


def line(table: pd.DataFrame, attribute: str, metric: str) -> pd.Series:
    return table[(table["attribute"] == attribute) & (table["metric"] == metric)].squeeze()


def slow_metrics(true: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, k: int) -> dict[str, float]:
    """The metrics from their definitions."""
    credit = {0: 1.0, 1: 0.5, 2: -0.5, 3: -1.0}
    grades = sorted(set(true))
    distances = np.abs(true - predicted)
    cuts = [
        np.mean([(sum(p[: cut + 1]) - (t <= cut)) ** 2 for cut in range(k - 1)])
        for t, p in zip(true, probabilities, strict=True)
    ]
    return {
        "p_recall": np.mean([np.mean([credit[d] for d in distances[true == grade]]) for grade in grades]),
        "kappa": cohen_kappa_score(true, predicted, weights="quadratic", labels=range(k)),
        "mae": mean_absolute_error(true, predicted),
        "macro_mae": np.mean([distances[true == grade].mean() for grade in grades]),
        "accuracy": accuracy_score(true, predicted),
        "rps": np.mean(cuts),
    }


def slow_values(pair: Pair, photos: np.ndarray) -> np.ndarray:
    """Every metric on these photos, which may contain repetitions: (metric, side, seed)."""
    values = [
        [
            list(slow_metrics(pair.true[photos], predicted[photos], probabilities[photos], 4).values())
            for predicted, probabilities in zip(*side, strict=True)
        ]
        for side in (pair.candidate, pair.baseline)
    ]
    return np.moveaxis(values, -1, 0)


def slow_shares(pair: Pair, metric: str, subject: str) -> float:
    mine = pair.true[pair.subjects == subject]
    if metric not in ("p_recall", "macro_mae"):
        return len(mine) / len(pair.true)
    return sum(1 / np.sum(pair.true == grade) / len(set(pair.true)) for grade in mine)


def slow_limits(differences: np.ndarray, number: int, units: float) -> list[float]:
    """Both intervals from (1 + R, S) differences, by the formulas in the literature."""
    seeds, value = differences.shape[1], differences[0].mean()
    covariance = np.cov(differences[1:], rowvar=False) * number / (number - 1)
    trained = covariance.mean()
    shared = np.mean([covariance[i, j] for i in range(seeds) for j in range(seeds) if i != j])
    over_seeds, sampled = differences[0].var(ddof=1), np.mean(covariance.diagonal()) - shared
    intervals = [stats.t.interval(0.95, units - 1, value, np.sqrt(trained))]
    if over_seeds <= max(sampled, 0) * stats.chi2.ppf(0.6, seeds - 1) / (seeds - 1):
        return [*intervals[0], *intervals[0]]
    variance = max(max(shared, 0) + over_seeds / seeds, trained)
    freedom = variance**2 / (max(shared, 0) ** 2 / (units - 1) + (over_seeds / seeds) ** 2 / (seeds - 1))
    return [*intervals[0], *stats.t.interval(0.95, min(freedom, units - 1), value, np.sqrt(variance))]


def test_the_table_matches_a_slow_bootstrap() -> None:
    pairs, resamples = [made("depth", seed=1), made("width", photos=40, seed=2)], 30
    table = compare(pairs, resamples, seed=5)
    names = sorted({name for pair in pairs for name in pair.subjects})
    draws = np.random.default_rng(5).multinomial(len(names), np.full(len(names), 1 / len(names)), resamples)
    values = []  # (attribute, 1 + R, metric, side, seed)
    for pair in pairs:
        of = [np.flatnonzero(pair.subjects == name) for name in names]
        whole = [np.arange(len(pair.true))]
        drawn = [np.concatenate([of[name] for name in np.repeat(np.arange(len(names)), draw)]) for draw in draws]
        values.append([slow_values(pair, photos) for photos in whole + drawn])
    values.append(np.mean(values, axis=0))
    for name, of_attribute in zip(["depth", "width", "mean"], np.array(values), strict=True):
        for metric, of_metric in zip(METRICS, np.moveaxis(of_attribute, 1, 0), strict=True):
            found = line(table, name, metric)
            averaged = pairs if name == "mean" else [pair for pair in pairs if pair.attribute.name == name]
            shares = [np.mean([slow_shares(pair, metric, subject) for pair in averaged]) for subject in names]
            number, units = np.count_nonzero(shares), np.sum(np.square(shares)) ** 2 / np.sum(np.power(shares, 4))
            differences = of_metric[:, 0] - of_metric[:, 1]
            assert found["effective_units"] == pytest.approx(units)
            assert found[["candidate", "baseline"]].tolist() == pytest.approx(of_metric[0].mean(axis=1), abs=1e-8)
            assert found["difference"] == pytest.approx(differences[0].mean(), abs=1e-8)
            assert found["seed_sd"] == pytest.approx(differences[0].std(ddof=1), abs=1e-8)
            assert found[LIMITS].tolist() == pytest.approx(slow_limits(differences, number, units), abs=1e-7)
            error = differences[1:].mean(axis=1).std(ddof=1) * np.sqrt(number / (number - 1))
            quantiles = stats.t.ppf([0.975, 0.8], units - 1)
            assert found["detectable"] == pytest.approx(error * quantiles.sum(), abs=1e-7)


def test_the_table_says_what_was_compared() -> None:
    shared = made("depth", seed=1)
    table = compare([shared, made("width", photos=40, subjects=15, seed=2)], 50)
    assert table["attribute"].unique().tolist() == ["depth", "width", "mean"]
    assert table["metric"].tolist() == 3 * METRICS
    assert table["higher_is_better"].tolist() == 3 * [True, True, False, False, True, False]
    assert (table["seeds"] == 3).all()
    assert (table["unit_kind"] == "subjects").all()
    assert line(table, "depth", "mae")[["photos", "units"]].tolist() == [60, 15]
    assert not table.isna().any(axis=None)


def test_a_nominal_attribute_has_balanced_accuracy_and_is_not_in_the_mean() -> None:
    ordinal, nominal = made("depth", seed=1), made("kind", k=3, seed=2, kind="nominal")
    table = compare([ordinal, nominal], 50)
    found = table[table["attribute"] == "kind"].squeeze()
    assert found["metric"] == "balanced_accuracy"
    expected = np.mean([recall_score(nominal.true, p, average="macro") for p in nominal.candidate.predicted])
    assert found["candidate"] == pytest.approx(expected)
    alone = compare([ordinal], 50)
    for metric in METRICS:
        assert line(table, "mean", metric)["difference"] == line(alone, "depth", metric)["difference"]
    assert compare([nominal], 50)["attribute"].tolist() == ["kind"]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 9), st.integers(1, 4), st.sampled_from([0, 2, 7]), st.integers(2, 5))
def test_swapping_the_sides_flips_signs_and_limits(seed: int, seeds: int, subjects: int, k: int) -> None:
    pairs = [made(name, k, 20, subjects, seeds, seed + i) for i, name in enumerate(("depth", "width"))]
    table = compare(pairs, 40)
    turned = compare([replace(pair, candidate=pair.baseline, baseline=pair.candidate) for pair in pairs], 40)
    assert np.array_equal(turned["difference"], -table["difference"], equal_nan=True)
    for low, high in (LIMITS[:2], LIMITS[2:]):
        assert np.array_equal(turned[low], -table[high], equal_nan=True)
    for same in ("detectable", "seed_sd", "effective_units"):
        assert np.array_equal(turned[same], table[same], equal_nan=True)
    opposite = {"better": "worse", "worse": "better"}
    for one, other in zip(table["verdict"], turned["verdict"], strict=True):
        assert other == opposite.get(one, other)
        assert one == opposite.get(other, one)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 9), st.integers(1, 3), st.sampled_from([0, 5]))
def test_the_order_of_photos_and_seeds_does_not_matter(seed: int, seeds: int, subjects: int) -> None:
    pair = made(seeds=seeds, subjects=subjects, seed=seed)
    order = np.random.default_rng(seed).permutation(len(pair.true))
    sides = [
        Predictions(a.predicted[::-1, order], a.probabilities[::-1, order]) for a in (pair.candidate, pair.baseline)
    ]
    facts = (pair.attribute, pair.images[order], pair.subjects[order], pair.true[order])
    found, expected = (compare([each], 30) for each in (Pair(*facts, *sides), pair))
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("subjects", [0, 6])
def test_sides_with_equal_predictions_may_differ_on_other_photos(subjects: int) -> None:
    pair = made(subjects=subjects)
    table = compare([replace(pair, baseline=pair.candidate)], 100)
    assert (table[["difference", "seed_sd", "gain_percent"]] == 0).all(axis=None)
    assert table[[*LIMITS, "detectable"]].isna().all(axis=None)
    assert (table["verdict"] == "no difference seen").all()


def test_photos_are_resampled_if_no_subject_is_known() -> None:
    table = compare([made(photos=50, subjects=0)], 50)
    assert (table["unit_kind"] == "photos").all()
    assert (table["units"] == 50).all()
    assert line(table, "depth", "mae")["effective_units"] == pytest.approx(50)


def test_photos_of_unknown_subjects_are_resampled_individually_beside_subjects() -> None:
    pair, other = made(photos=60, subjects=15), made("width", photos=40, subjects=15, seed=2)
    strangers = pair.images < pair.images[10]
    mixed = replace(pair, subjects=np.where(strangers, "", pair.subjects))
    table = compare([mixed, other], 50)
    assert (table["unit_kind"] == "subjects and photos").all()
    found = line(table, "depth", "mae")
    assert found[["photos", "units", "subjects"]].tolist() == [60, 25, 15]
    assert line(table, "width", "mae")[["units", "subjects"]].tolist() == 2 * [len(set(other.subjects))]
    assert line(table, "mean", "mae")[["units", "subjects"]].tolist() == [25, 15]
    named = replace(pair, subjects=np.where(strangers, np.char.add("only ", pair.images), pair.subjects))
    limits = [line(compare([each], 50), "depth", "mae")[LIMITS].tolist() for each in (mixed, named)]
    assert np.ptp(limits, axis=1).min() > 0
    by_hand = compare([replace(named, subjects=np.where(strangers, pair.images, pair.subjects))], 50)
    assert limits[0] == line(by_hand, "depth", "mae")[LIMITS].tolist()


def test_notes_on_rare_grades_mention_unknown_subjects() -> None:
    pair = made(k=2, photos=20, subjects=10)
    true = np.zeros(20, dtype=int)
    true[:4] = 1
    subjects = pair.subjects.copy()
    subjects[:4] = ["", "one", "one", "one"]
    note = line(compare([replace(pair, true=true, subjects=subjects)], 20), "depth", "macro_mae")["note"]
    assert note == "grade 1: 4 photos, 1 of unknown subjects and the others of 1 subject"
    true[1:4] = 0
    note = line(compare([replace(pair, true=true, subjects=subjects)], 20), "depth", "macro_mae")["note"]
    assert note == "grade 1: 1 photo"


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_baseline_compared_with_itself_needs_no_resampling(seeds: int) -> None:
    pairs = [made("depth", seeds=seeds), none_graded(made(seeds=seeds))]
    itself = [replace(pair, candidate=pair.baseline) for pair in pairs]
    found, expected = against_itself(compare(pairs, 50)), compare(itself, 50)
    unknown = ["verdict", *LIMITS, "detectable"]
    pd.testing.assert_frame_equal(found.drop(columns=unknown), expected.drop(columns=unknown))
    assert (found.loc[found["difference"].notna(), unknown[1:]].fillna(0) == 0).all(axis=None)
    assert set(found["verdict"]) == {"the same", "unknown: no graded photo"}


def test_one_seed_is_exploratory() -> None:
    table = compare([made(seeds=1)], 100)
    assert table[["method_low", "method_high", "seed_sd"]].isna().all(axis=None)
    assert not table[["trained_low", "trained_high", "detectable"]].isna().any(axis=None)
    assert table["verdict"].str.startswith("as trained: ").all()
    assert table["verdict"].str.endswith("; one seed says nothing about the method").all()


def test_a_single_subject_shows_nothing_but_the_difference() -> None:
    table = compare([made(subjects=1)], 100)
    assert not table[["candidate", "baseline", "difference"]].isna().any(axis=None)
    assert table[[*LIMITS, "detectable"]].isna().all(axis=None)
    assert (table["verdict"] == "unknown: too few subjects").all()


def none_graded(pair: Pair) -> Pair:
    sides = [Predictions(side.predicted[:, :0], side.probabilities[:, :0]) for side in (pair.candidate, pair.baseline)]
    return Pair(Attribute("blank", 4), pair.images[:0], pair.subjects[:0], pair.true[:0], *sides)


def test_an_attribute_without_grades_is_left_out_of_the_mean() -> None:
    pair = made()
    table, alone = compare([pair, none_graded(pair)], 50), compare([pair], 50)
    blank = table[table["attribute"] == "blank"]
    assert (blank["verdict"] == "unknown: no graded photo").all()
    assert blank[["candidate", "baseline", "difference", *LIMITS, "gain_percent"]].isna().all(axis=None)
    for name in ("depth", "mean"):
        found, expected = (each[each["attribute"] == name].reset_index(drop=True) for each in (table, alone))
        pd.testing.assert_frame_equal(found, expected)
    assert (compare([none_graded(pair)], 50)["verdict"] == "unknown: no graded photo").all()


def test_rare_grades_are_noted_and_widen_intervals_averaged_over_grades() -> None:
    pair = made(k=2, photos=60, subjects=20)
    true = np.zeros(60, dtype=int)
    true[[3, 7]] = 1
    rare = replace(pair, attribute=Attribute("depth", 3), true=true)
    rare = replace(rare, subjects=np.where(true == 1, "one", pair.subjects))
    table = compare([rare], 200)
    of_grades = table[(table["attribute"] == "depth") & table["metric"].isin(["p_recall", "macro_mae"])]
    assert (of_grades["note"] == "grade 1: 2 photos of 1 subject; grade 2: no photos").all()
    assert (of_grades["effective_units"] < 2).all()
    assert (of_grades["verdict"] == "unknown: too few subjects").all()
    assert (line(table, "mean", "p_recall")["note"]).startswith("depth: grade 1")
    assert line(table, "depth", "mae")["note"] == ""
    assert line(table, "depth", "mae")["effective_units"] > 10


def test_gains_are_in_percent_of_the_baseline() -> None:
    assert gain_percent(0.6, 0.5, higher_is_better=True) == pytest.approx(20)
    assert gain_percent(0.6, 0.5, higher_is_better=False) == pytest.approx(-20)
    assert np.isnan([gain_percent(0.6, baseline, True) for baseline in (0.0, -0.1, np.nan)]).all()
    pairs = [made("depth", seed=1), made("width", seed=2)]
    table = compare(pairs, 10)
    for metric in METRICS:
        gains = [line(table, name, metric)["gain_percent"] for name in ("depth", "width")]
        assert line(table, "mean", metric)["gain_percent"] == pytest.approx(np.mean(gains))


def test_a_gain_may_have_another_sign_than_the_mean_difference() -> None:
    mean = line(compare([right("strong", 80, 85), right("weak", 13, 10)], 10), "mean", "accuracy")
    assert mean["difference"] == pytest.approx(-0.01)
    assert mean["gain_percent"] == pytest.approx((100 * -5 / 85 + 100 * 3 / 10) / 2)


def test_ten_thousand_resamples_take_seconds() -> None:
    pairs = [made(f"attribute{i}", k=4, photos=400, subjects=150, seeds=3, seed=i) for i in range(5)]
    start = time.process_time()
    compare(pairs)
    assert time.process_time() - start < 20  # about one on a fast core


def test_a_grade_on_parts_of_one_photo_is_rare() -> None:
    pair = made(subjects=0)
    true = np.minimum(pair.true, 1)
    true[:4] = 2
    images = np.array(
        [f"face.jpg#xywh={place},0,1,1" if grade == 2 else f"{place}.jpg" for place, grade in enumerate(true)]
    )
    note = line(compare([replace(pair, true=true, images=images)], 20), "depth", "macro_mae")["note"]
    assert note.startswith(f"grade 2: {(true == 2).sum()} photos")
