"""Every photo is predicted once, by a run that has not seen its subject."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.compare.folds import graded_photos, out_of_fold, plan_folds
from multiskin.config import Columns, FitConfig, SplitConfig, TrainerConfig
from multiskin.data.photos import load_photos
from multiskin.data.splits import make_folds
from multiskin.errors import UserError
from multiskin.schema import MISSING

FOLDS = 4


@pytest.fixture
def config(data_config):
    return FitConfig(data=data_config, trainer=TrainerConfig(max_epochs=3))


@pytest.fixture
def graded(photos):
    return graded_photos(photos, ["train", "val", "test"])


@pytest.fixture
def planned(config, graded):
    return plan_folds(config, graded, FOLDS)


class TestFolds:
    @settings(max_examples=20, deadline=None)
    @given(st.integers(2, 12), st.integers(0, 5))
    def test_folds_have_whole_subjects_and_equal_sizes(self, manifest, folds, seed):
        number = make_folds(manifest, folds, seed)
        assert set(number) == set(range(folds))
        assert pd.Series(number).groupby(manifest.subject).nunique().eq(1).all()
        sizes = np.bincount(number)
        assert sizes.max() - sizes.min() <= 2  # photos of a subject

    def test_folds_have_equal_shares_of_each_grade(self, manifest):
        number = make_folds(manifest, 2, 0)
        for first, second in zip(manifest.grade_counts(number == 0), manifest.grade_counts(number == 1), strict=True):
            assert np.abs(first - second).max() <= 2

    def test_folds_depend_only_on_the_seed(self, manifest):
        number = make_folds(manifest, 3, 1)
        order = np.random.default_rng(0).permutation(len(manifest))
        assert make_folds(manifest.select(order), 3, 1).tolist() == number[order].tolist()
        assert make_folds(manifest, 3, 2).tolist() != number.tolist()

    def test_every_fold_needs_a_subject(self, manifest):
        with pytest.raises(UserError, match="--folds 13: the photos are of 12 subjects"):
            make_folds(manifest, 13, 0)


@pytest.mark.parametrize("sides", [["train"], ["train", "val"], ["train", "val", "test"]])
def test_photos_without_grades_or_of_other_splits_are_left_out(photos, sides):
    chosen = graded_photos(photos, sides)
    expected = [
        path
        for path, grades, side in zip(photos.manifest.paths, photos.manifest.grades, photos.split, strict=True)
        if side in sides and (grades != MISSING).any()
    ]
    assert chosen.manifest.paths.tolist() == expected
    assert set(chosen.split) == set(sides)


def test_each_photo_is_tested_once_and_validated_on_once(planned, graded):
    for side in ("test", "val"):
        paths = [path for run in planned for path in run.table.loc[run.table["split"] == side, "image"]]
        assert sorted(paths) == sorted(graded.manifest.paths)


def test_no_subject_is_in_two_splits_of_a_run(planned, graded):
    for run in planned:
        assert sorted(run.table["image"]) == sorted(graded.manifest.paths)
        assert run.table.groupby("subject")["split"].nunique().eq(1).all()


def test_runs_have_names_and_epochs_of_their_own(planned):
    assert [run.title for run in planned] == [f"fold-{fold}, seed 0" for fold in range(1, FOLDS + 1)]
    assert len({run.digest for run in planned}) == FOLDS
    for run in planned:
        learned = int((run.table["split"] == "train").sum())
        assert run.config.data.draws_per_epoch == learned
        assert run.image_passes == 3 * learned


def test_given_draws_are_kept(config, graded):
    config = replace(config, data=replace(config.data, draws_per_epoch=50))
    assert {run.image_passes for run in plan_folds(config, graded, FOLDS)} == {150}


def test_the_tables_own_split_is_ignored(config, graded, planned, photos, schema, tmp_path):
    table = pd.read_csv(f"{config.data.root}/labels.csv", dtype=str, keep_default_na=False)
    table.assign(side=photos.split).to_csv(tmp_path / "sides.csv", index=False)
    columns = Columns(subject="subject", split="side")
    data = replace(config.data, manifest=str(tmp_path / "sides.csv"), columns=columns)
    own = plan_folds(
        replace(config, data=data), graded_photos(load_photos(data, schema), ["train", "val", "test"]), FOLDS
    )
    for run, other in zip(own, planned, strict=True):
        pd.testing.assert_frame_equal(run.table, other.table)
        assert run.config.data.columns.split == "split"
        assert run.name == other.name


def test_another_seed_of_the_split_gives_other_folds(config, graded, planned):
    config = replace(config, data=replace(config.data, split=SplitConfig(seed=1)))
    assert [run.name for run in plan_folds(config, graded, FOLDS)] != [run.name for run in planned]


def test_a_fold_without_a_grade_is_found_before_anything_is_trained(config, graded):
    grades = graded.manifest.grades.copy()
    of_lines = np.flatnonzero(grades[:, 1] != MISSING)
    grades[of_lines[2:], 1] = MISSING
    few = replace(graded, manifest=replace(graded.manifest, grades=grades))
    with pytest.raises(UserError, match="--folds 4: too few photos are graded for lines"):
        plan_folds(config, few, FOLDS)


def test_predictions_of_all_folds_come_in_the_photos_order(runs, finish, planned, graded):
    for run in planned:
        finish(run)
    together = out_of_fold(runs, planned, graded.manifest)
    for attribute in graded.manifest.schema:
        headings = [f"{attribute.name}_p{grade}" for grade in range(attribute.grades)]
        expected = {}
        for run in planned:
            for _, line in pd.read_csv(runs.folder(run).predictions("test")).iterrows():
                expected[line["image"]] = line[headings].tolist()
        assert together[attribute.name].tolist() == [expected[path] for path in graded.manifest.paths]


def test_predictions_of_other_photos_are_refused(runs, finish, planned, graded):
    for run in planned:
        finish(run)
    predictions = runs.folder(planned[1]).predictions("test")
    whole = predictions.read_text()
    predictions.write_text("\n".join(whole.splitlines()[:-1]))
    with pytest.raises(UserError, match="the predictions there are of other photos"):
        out_of_fold(runs, planned, graded.manifest)
    predictions.write_text("image\n")
    with pytest.raises(UserError, match="remove this run's folder"):
        out_of_fold(runs, planned, graded.manifest)
