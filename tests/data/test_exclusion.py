"""Listed grades are left out of training and validation, and no photo changes sides."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.compare.plan import Experiment
from multiskin.config import FitConfig, Recipe
from multiskin.data.datamodule import SkinDataModule
from multiskin.data.exclusion import Exclusions
from multiskin.data.photos import load_photos, load_side
from multiskin.data.splits import split_table
from multiskin.data.transforms import Preprocessing
from multiskin.errors import UserError
from multiskin.run import RunFolder
from multiskin.schema import MISSING
from multiskin.training.checkpoints import require_same_run

SIDES = ("train", "val", "test")


@pytest.fixture
def write(tmp_path):
    def write(columns, name="out.csv"):
        pd.DataFrame(columns).to_csv(tmp_path / name, index=False)
        return str(tmp_path / name)

    return write


@pytest.fixture
def everything(photos, write):
    """A list of all grades of all photos."""
    return write({"image": photos.manifest.paths, "attribute": ""})


def first_graded(photos, side, attribute="lines"):
    of_side = photos.side(side)
    return int(np.flatnonzero(of_side.grades[:, of_side.schema.index(attribute)] != MISSING)[0])


@pytest.mark.parametrize("side", SIDES)
def test_a_grade_is_left_out_where_it_would_be_learned_from(photos, data_config, schema, write, side):
    place = first_graded(photos, side)
    listed = write({"image": [photos.side(side).paths[place]], "attribute": ["lines"]})
    after = load_photos(replace(data_config, exclude=listed), schema)
    for each in SIDES:
        expected = photos.side(each).grades.copy()
        if each == side != "test":
            expected[place, 1] = MISSING
        assert after.side(each).grades.tolist() == expected.tolist()
    left, kept = (0, 1) if side == "test" else (1, 0)
    assert f"{left} grades are left out of training" in str(after.warnings[0])
    assert (f"{kept} grades of test and calibration photos are kept" in str(after.warnings[0])) == (side == "test")


def test_the_split_is_that_of_all_grades(photos, data_config, schema, write):
    listed = write({"image": photos.side("train").paths[:6], "attribute": [""] * 6})
    after = load_photos(replace(data_config, exclude=listed), schema)
    assert after.split.tolist() == photos.split.tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 23), st.sampled_from(["", "shine", "lines"])), max_size=12))
def test_exactly_what_is_listed_goes(photos, schema, tmp_path_factory, listed):
    manifest = photos.manifest
    path = tmp_path_factory.mktemp("list") / "out.csv"
    rows = [(manifest.paths[photo], attribute) for photo, attribute in listed]
    pd.DataFrame(rows, columns=["image", "attribute"]).to_csv(path, index=False)
    after, _ = Exclusions.read(path, schema).leave_out(manifest, photos.split)
    for photo in range(len(manifest)):
        for h, name in enumerate(schema.names):
            out = photos.split[photo] != "test" and ((photo, "") in listed or (photo, name) in listed)
            assert after.grades[photo, h] == (MISSING if out else manifest.grades[photo, h])


def test_a_column_of_choices_says_which_rows_count(photos, schema, write):
    train = photos.side("train").paths[:4]
    listed = write({"image": train, "exclude": ["yes", "no", "", "Yes"], "attribute": "", "note": "x"})
    assert Exclusions.read(listed, schema).cells["image"].tolist() == [train[0], train[3]]


def test_a_photo_without_a_grade_is_never_drawn(photos, data_config, schema, write):
    train = photos.side("train")
    listed = write({"image": [train.paths[0]], "attribute": [""]})
    after = load_photos(replace(data_config, exclude=listed), schema)
    recipes = [Recipe() for _ in schema]
    preprocessing = Preprocessing(32, (0.5,) * 3, (0.5,) * 3)
    data = SkinDataModule(after.side("train"), after.side("val"), recipes, preprocessing, data_config, seed=0)
    assert data.mixture.rows[0] == 0
    assert (data.mixture.rows > 0).sum() == (after.side("train").grades != MISSING).any(axis=1).sum()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"image": ["images/00.png"]}, "no column attribute"),
        ({"photo": ["images/00.png"], "attribute": ["shine"]}, "no column image"),
        (
            {"image": ["images/00.png"], "attribute": ["shin"]},
            "row 2, column attribute: .*'shin': did you mean 'shine'",
        ),
        (
            {"image": ["images/0.png", "away.png"], "attribute": ["", "shine"]},
            r"row 2, column image: unknown image 'images/0\.png': did you mean 'images/",
        ),
        ({"image": ["images/00.png"], "attribute": [""], "exclude": ["maybe"]}, "row 2, column exclude: .*'maybe'"),
        ({"image": ["images/00.png"], "attribute": [""], "Exclude": ["no"]}, "column Exclude: .* rename it to exclude"),
        ({"IMAGE": ["images/00.png"], "attribute": [""]}, "column IMAGE: .* rename it to image"),
    ],
)
def test_mistakes_are_told_with_their_place(data_config, schema, write, columns, words):
    with pytest.raises(UserError, match=words) as error:
        load_photos(replace(data_config, exclude=write(columns)), schema)
    assert "out.csv" in str(error.value)


def test_listed_photos_that_are_not_there_are_told_and_no_trouble(photos, data_config, schema, write):
    place = first_graded(photos, "train")
    image = photos.side("train").paths[place]
    listed = write({"image": ["away.png", image, "b.png", "away.png"], "attribute": ["", "lines", "shine", "shine"]})
    after = load_photos(replace(data_config, exclude=listed), schema)
    assert after.side("train").grades[place, schema.index("lines")] == MISSING
    assert "1 grades are left out of training" in str(after.warnings[0])
    assert "2 of 3 listed photos are not among the photos used, the first in row 2: away.png" in str(after.warnings[1])


def test_a_listed_photo_may_be_one_that_is_skipped(photos, graded_folder, data_config, schema, write, tmp_path):
    root = shutil.copytree(graded_folder, tmp_path / "photos")
    train = photos.side("train").paths
    (root / train[0]).write_bytes(b"no picture")
    config = replace(data_config, root=str(root), exclude=write({"image": train[:2], "attribute": ""}))
    after = load_photos(replace(config, on_bad_row="skip"), schema)
    assert train[0] not in after.manifest.paths
    assert f"1 of 2 listed photos are not among the photos used, the first in row 2: {train[0]}" in str(
        after.warnings[1]
    )


def test_a_list_of_nothing_is_no_trouble(photos, data_config, schema, write):
    listed = write({"image": ["away.png"], "attribute": [""], "exclude": ["no"]})
    after = load_photos(replace(data_config, exclude=listed), schema)
    assert after.manifest.grades.tolist() == photos.manifest.grades.tolist()
    assert [str(notice) for notice in after.warnings] == [f"data.exclude {listed}: 0 grades are left out of training"]


def test_a_list_that_is_not_there_is_told_before_photos_are_checked(data_config, schema, tmp_path):
    def progress(*_):
        raise AssertionError

    with pytest.raises(UserError, match=r"^data\.exclude .*nowhere\.csv: no such file; correct its path"):
        load_photos(replace(data_config, exclude=str(tmp_path / "nowhere.csv")), schema, progress)


def test_a_ragged_list_is_no_list(schema, tmp_path):
    (tmp_path / "out.csv").write_text("image,attribute\na.png,shine,again\n")
    with pytest.raises(UserError, match=r"out\.csv: row 2: 3 cells"):
        Exclusions.read(tmp_path / "out.csv", schema)


def test_nothing_left_to_learn_is_told(data_config, schema, everything):
    with pytest.raises(UserError, match="no training photo is graded for shine, lines"):
        load_photos(replace(data_config, exclude=everything), schema)


@pytest.fixture
def begun(photos, data_config, schema, write, tmp_path):
    """A run that was started with a list, its settings and photos."""
    val = photos.side("val")
    listed = write({"image": [val.paths[first_graded(photos, "val")]], "attribute": ["lines"]})
    config = FitConfig(data=replace(data_config, exclude=listed))
    run = RunFolder.create(tmp_path / "run")
    without = load_photos(config.data, schema)
    schema.save(run.schema)
    without.save(run.split, run.skipped)
    run.config.write_text(yaml.safe_dump(asdict(config)))
    return run, config, without


def test_a_run_goes_on_with_the_same_grades_whatever_the_list_is_called(begun, tmp_path):
    run, config, without = begun
    moved = shutil.copy(config.data.exclude, tmp_path / "moved.csv")
    require_same_run(run, replace(config, data=replace(config.data, exclude=str(moved))), without)


def test_a_run_does_not_go_on_with_other_grades(begun, photos):
    run, config, _ = begun
    with pytest.raises(UserError, match="other photos or another split"):
        require_same_run(run, config, photos)


@pytest.mark.parametrize("side", SIDES)
def test_a_finished_run_is_measured_on_what_it_was_validated_on(begun, schema, side):
    run, config, without = begun
    Path(config.data.exclude).unlink()
    again, _ = load_side(config.data, schema, run.split, side)
    assert again.grades.tolist() == without.side(side).grades.tolist()


def test_a_split_without_grades_is_named(begun, schema):
    run, config, _ = begun
    pd.read_csv(run.split).drop(columns="lines_true").to_csv(run.split, index=False)
    with pytest.raises(UserError, match=r"split\.csv: no column lines_true, so it is not the split"):
        load_side(config.data, schema, run.split, "val")
    load_side(config.data, schema, run.split, "test")


def test_planned_runs_have_tables_without_what_is_left_out(photos, data_config, schema, write):
    train = photos.side("train")
    image = train.paths[first_graded(photos, "train", "shine")]
    excluding = replace(data_config, exclude=write({"image": [image], "attribute": ["shine"]}))
    with_all, without = (
        Experiment(FitConfig(data=data), load_photos(data, schema)).shared() for data in (data_config, excluding)
    )
    assert without.config.data.exclude is None
    assert without.table.set_index("image").at[image, "shine"] == ""
    different = with_all.table.set_index("image") != without.table.set_index("image")
    assert different.to_numpy().sum() == 1
    assert without.name != with_all.name


def test_a_split_is_saved_without_what_is_left_out(begun, photos):
    saved, before = (split_table(each.manifest, each.split) for each in (begun[2], photos))
    assert before["lines_true"].count() - saved["lines_true"].count() == 1
