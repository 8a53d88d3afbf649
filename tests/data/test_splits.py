"""A split keeps subjects together, gives each side its share, and preserves grade proportions with missing grades."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.data.manifest import Manifest
from multiskin.data.splits import make_split, split_table
from multiskin.errors import UserError
from multiskin.schema import MISSING, Attribute, Schema

SIDES = ("train", "val", "test", "calibrate")
SKEWED = [0.5, 0.27, 0.15, 0.06, 0.02]


def photos(grades, subject=None):
    """A manifest of these grades (N, H), with five grades per attribute."""
    grades = np.asarray(grades, dtype=np.int64)
    size, heads = grades.shape
    return Manifest(
        Schema(tuple(Attribute(f"a{h}", 5) for h in range(heads))),
        Path(),
        paths=np.array([f"{i}.jpg" for i in range(size)], dtype=object),
        grades=grades,
        rows=np.arange(2, size + 2),
        split=None,
        subject=None if subject is None else np.array(subject, dtype=object),
        part=None,
        groups=pd.DataFrame(index=range(size)),
    )


def partial_photos(rng, size, subjects=None, heads=3, missing=0.4):
    """Skewed grades, many of them missing, of photos with and without subjects."""
    grades = rng.choice(5, (size, heads), p=SKEWED)
    grades[rng.random((size, heads)) < missing] = MISSING
    return photos(grades, subjects and [f"p{s}" for s in rng.integers(0, subjects, size)])


manifests = st.builds(
    lambda seed, size, subjects, missing: partial_photos(np.random.default_rng(seed), size, subjects, 3, missing),
    st.integers(0, 10**6),
    st.integers(1, 60),
    st.none() | st.integers(1, 20),
    st.sampled_from([0.0, 0.4, 0.9, 1.0]),
)
three = (st.sampled_from([1, 5, 0.7, 8]), st.sampled_from([0, 1, 0.2, 3]), st.sampled_from([0, 1, 0.1]))
shares = st.tuples(*three) | st.tuples(*three, st.sampled_from([0, 1, 0.15]))


def subjects_of(manifest):
    if manifest.subject is None:
        return manifest.paths
    return np.where(manifest.subject == "", manifest.paths, manifest.subject)


@settings(max_examples=150, deadline=None)
@given(manifests, shares, st.integers(0, 5))
def test_whole_subjects_in_the_asked_shares(manifest, ratios, seed):
    split = make_split(manifest, ratios, seed)
    assert split.shape == (len(manifest),)
    assert set(split) <= set(SIDES)
    sides_of = pd.Series(split).groupby(subjects_of(manifest))
    assert (sides_of.nunique() == 1).all()
    largest = sides_of.size().max()
    over = [
        (split == side).sum() - share * len(manifest) / sum(ratios) for side, share in zip(SIDES, ratios, strict=False)
    ]
    assert max(over) < largest + 1e-9  # a subject more than the share at the most, and so for all others below it
    assert min(over) > (1 - len(ratios)) * largest - 1e-9
    asked = [side for side, share in zip(SIDES, ratios, strict=False) if share]
    assert set(split) == set(asked[: len(sides_of)])  # everybody served if there are as many, train first


@settings(max_examples=50, deadline=None)
@given(manifests, st.integers(0, 5))
def test_the_seed_decides_and_the_order_of_rows_does_not(manifest, seed):
    split = make_split(manifest, [7, 2, 1], seed)
    assert (make_split(manifest, [0.7, 0.2, 0.1], seed) == split).all()
    order = np.random.default_rng(seed).permutation(len(manifest))
    assert (make_split(manifest.select(order), [7, 2, 1], seed) == split[order]).all()


def test_another_seed_gives_another_split():
    manifest = partial_photos(np.random.default_rng(0), 200)
    assert (make_split(manifest, [7, 2, 1], 0) != make_split(manifest, [7, 2, 1], 1)).any()


def test_photos_of_nobody_known_are_shared_out_exactly():
    manifest = partial_photos(np.random.default_rng(0), 97)
    split = make_split(manifest, [7, 2, 1], 0)
    assert [(split == side).sum() for side in SIDES[:3]] == [68, 19, 10]  # 67.9, 19.4, 9.7


def test_blank_subjects_are_not_one_subject():
    manifest = photos(np.full((30, 1), MISSING), [""] * 20 + ["p"] * 10)
    split = make_split(manifest, [1, 1, 1], 0)
    assert [(split == side).sum() for side in SIDES[:3]] == [10, 10, 10]
    assert len(set(split[20:])) == 1


def test_a_subject_called_like_a_photo_is_not_that_photo():
    manifest = photos(np.full((4, 1), MISSING), ["", "0.jpg", "0.jpg", "0.jpg"])
    split = make_split(manifest, [3, 1, 0], 0)
    assert split.tolist() == ["val", "train", "train", "train"]


@pytest.mark.parametrize("grade", range(5))
def test_a_rare_grade_reaches_every_side(grade):
    grades = np.full((500, 2), MISSING)
    grades[:, 0] = (grade + 1) % 5
    grades[::50, 1] = grade  # ten photos
    split = make_split(photos(grades), [6, 2, 2], 0)
    assert [(split[::50] == side).sum() for side in SIDES[:3]] == [6, 2, 2]


def unevenness(manifest, split, ratios):
    """The mean deviation of the sides' shares of every grade from those asked for."""
    total = np.concatenate(manifest.grade_counts())
    return np.mean(
        [
            np.abs(np.concatenate(manifest.grade_counts(split == side)) / total - share)[total > 0].mean()
            for side, share in zip(SIDES, ratios, strict=False)
        ]
    )


@pytest.mark.parametrize("subjects", [None, 150])
def test_grades_are_spread_far_more_evenly_than_by_chance(subjects):
    ratios, rng = (0.7, 0.2, 0.1), np.random.default_rng(0)
    ours, chance = [], []
    for seed in range(10):
        manifest = partial_photos(rng, 600, subjects)
        ours.append(unevenness(manifest, make_split(manifest, ratios, seed), ratios))
        people, person = np.unique(subjects_of(manifest).astype(str), return_inverse=True)
        chance.append(unevenness(manifest, rng.choice(SIDES[:3], len(people), p=ratios)[person], ratios))
    assert np.mean(ours) < 0.5 * np.mean(chance)


@pytest.mark.parametrize("subjects", [1, 2, 3])
def test_few_subjects_go_to_train_first(subjects):
    manifest = photos(np.zeros((3 * subjects, 1)), [f"p{i % subjects}" for i in range(3 * subjects)])
    split = make_split(manifest, [0.2, 0.5, 0.3], 0)
    assert set(split) == set(SIDES[:subjects])
    split = make_split(manifest, [0.1, 0.5, 0.2, 0.2], 0)
    assert set(split) == set(SIDES[:subjects])


def test_one_subject_may_outweigh_all_others():
    manifest = photos(np.zeros((102, 1)), ["big"] * 100 + ["small", "tiny"])
    assert set(make_split(manifest, [0.5, 0.25, 0.25], 0)) == set(SIDES[:3])


def test_a_fourth_side_gets_its_share_of_every_grade():
    grades = np.repeat(np.arange(5), 40)[:, None]
    split = make_split(photos(grades), [0.6, 0.15, 0.1, 0.15], 0)
    for side, number in zip(SIDES, (24, 6, 4, 6), strict=True):
        assert np.bincount(grades[split == side, 0]).tolist() == [number] * 5


NAN, INFINITE = float("nan"), float("inf")
NO_SHARES = [
    [],
    [1],
    [0.7, 0.3],
    [7, 2, 1, 1, 1],
    [0, 1, 1],
    [0, 1, 1, 1],
    [1, 1, 1, -1],
    [0, 0, 0],
    [-1, 1, 1],
    [1, -0.1, 0.1],
]


@pytest.mark.parametrize("ratios", [*NO_SHARES, [NAN, 1, 1], [1, 1, NAN], [INFINITE, 1, 1]])
def test_ratios_that_are_no_shares_are_refused(ratios):
    with pytest.raises(UserError, match=r"data\.split.ratios is"):
        make_split(photos([[1], [2]]), ratios, 0)


def test_a_negative_seed_is_refused():
    with pytest.raises(UserError, match=r"data\.split.seed is -1"):
        make_split(photos([[1], [2]]), [7, 2, 1], -1)


def test_huge_ratios_are_ratios_like_any_other():
    manifest = partial_photos(np.random.default_rng(0), 50)
    assert (make_split(manifest, [1e308, 1e308, 1e308], 0) == make_split(manifest, [1, 1, 1], 0)).all()


def test_the_split_as_a_table():
    manifest = photos([[1], [2]], ["p", ""])
    table = split_table(manifest, np.array(["train", "val"]))
    assert table.to_dict("list") == {
        "row": [2, 3],
        "image": ["0.jpg", "1.jpg"],
        "subject": ["p", ""],
        "split": ["train", "val"],
        "a0_true": [1, 2],
    }
    assert split_table(photos([[1]]), np.array(["test"])).subject.tolist() == [""]
