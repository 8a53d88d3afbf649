"""The photos of a run and their sides: from the table or from a new split, saved, and loaded again."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from multiskin.config import Columns, DataConfig, SplitConfig
from multiskin.data.manifest import ManifestError
from multiskin.data.photos import load_photos, load_side, load_table, require_unseen
from multiskin.data.splits import make_split
from multiskin.errors import UserError

SIDES = ("train", "val", "test")


@pytest.fixture
def own_folder(graded_folder, tmp_path):
    """A copy of the folder that a test may change."""
    return shutil.copytree(graded_folder, tmp_path / "photos")


@pytest.fixture
def own_config(own_folder, data_config):
    return replace(data_config, root=str(own_folder))


def rewrite(folder, change, name="labels.csv"):
    table = pd.read_csv(folder / "labels.csv", dtype=str, keep_default_na=False)
    change(table).to_csv(folder / name, index=False)


def with_split(folder, sides):
    """Gives the table a split column, the same for all photos of a subject."""
    rewrite(folder, lambda table: table.assign(side=[sides[subject] for subject in table["subject"]]))


@pytest.fixture
def sides():
    return {f"p{s}": "train" if s < 6 else "validation" if s < 10 else "test" for s in range(12)}


def test_a_split_is_made_where_the_table_has_none(photos, manifest, data_config):
    assert photos.split.tolist() == make_split(manifest, data_config.split.ratios, data_config.split.seed).tolist()
    parts = [photos.side(side) for side in SIDES]
    assert sorted(path for part in parts for path in part.paths) == sorted(manifest.paths)
    assert all(len(part) for part in parts)
    assert len(parts[0]) > len(parts[1]) > len(parts[2])
    assert photos.skipped == photos.warnings == []


def test_ratios_and_seed_are_followed(data_config, schema, photos):
    other = load_photos(replace(data_config, split=SplitConfig(ratios=[1, 1, 0], seed=4)), schema)
    assert [len(other.side(side)) for side in SIDES] == [12, 12, 0]
    reseeded = load_photos(replace(data_config, split=SplitConfig(seed=1)), schema)
    assert reseeded.split.tolist() != photos.split.tolist()


def test_the_tables_own_split_stands(own_folder, own_config, schema, sides):
    with_split(own_folder, sides)
    config = replace(own_config, columns=Columns(subject="subject", split="side"))
    photos = load_photos(config, schema)
    assert [len(photos.side(side)) for side in SIDES] == [12, 8, 4]
    assert set(photos.side("val").subject) == {"p6", "p7", "p8", "p9"}


def test_warnings_are_of_the_training_photos(own_folder, own_config, schema):
    """Grade 4 of shine occurs only on p4 and p9."""
    with_split(own_folder, {f"p{s}": "test" if s % 5 == 4 else "train" for s in range(12)})
    photos = load_photos(replace(own_config, columns=Columns(subject="subject", split="side")), schema)
    assert [str(problem) for problem in photos.warnings] == [
        "column shine: no training photo has grade 4, so it cannot be learned"
    ]


def test_an_attribute_needs_a_training_grade(own_folder, own_config, schema, sides):
    with_split(own_folder, sides)
    rewrite(own_folder, lambda table: table.assign(shine=table["shine"].where(table["side"] != "train", "")))
    with pytest.raises(UserError, match="no training photo is graded for shine"):
        load_photos(replace(own_config, columns=Columns(subject="subject", split="side")), schema)


def test_progress_is_told(data_config, schema):
    calls = []
    load_photos(data_config, schema, lambda *call: calls.append(call))
    assert calls == [(done, 24) for done in range(1, 25)]


# What a run saves


def test_a_split_is_saved_and_no_list_of_nothing(photos, tmp_path):
    photos.save(tmp_path / "split.csv", tmp_path / "skipped.csv")
    saved = pd.read_csv(tmp_path / "split.csv")
    assert saved["split"].tolist() == photos.split.tolist()
    assert saved["image"].tolist() == photos.manifest.paths.tolist()
    assert not (tmp_path / "skipped.csv").exists()


def test_rows_left_out_are_saved_with_the_reason(own_folder, own_config, schema, tmp_path):
    (own_folder / "images/03.png").write_bytes(b"no picture")
    rewrite(own_folder, lambda table: table.assign(shine=table["shine"].mask(table["image"] == "images/08.png", "9")))
    photos = load_photos(replace(own_config, on_bad_row="skip"), schema)
    photos.save(tmp_path / "split.csv", tmp_path / "skipped.csv")
    saved = pd.read_csv(tmp_path / "skipped.csv")
    assert list(saved.columns) == ["row", "column", "problem"]
    assert saved[["row", "column"]].to_numpy().tolist() == [[5, "image"], [10, "shine"]]
    assert saved["problem"].str.contains("03.png|9 is not a grade").all()
    kept = pd.read_csv(tmp_path / "split.csv")["image"]
    assert sorted({f"images/{i:02}.png" for i in range(24)} - set(kept)) == ["images/03.png", "images/08.png"]
    assert [load_side_size(own_config, schema, tmp_path, side) for side in SIDES] == [
        (photos.split == side).sum() for side in SIDES
    ]


def load_side_size(config, schema, run, side):
    return len(load_side(replace(config, on_bad_row="skip"), schema, run / "split.csv", side)[0])


def test_bad_rows_stop_a_run_unless_they_are_to_be_skipped(own_folder, own_config, schema):
    (own_folder / "images/03.png").write_bytes(b"no picture")
    with pytest.raises(ManifestError, match=r"row 5, column image: .*03\.png"):
        load_photos(own_config, schema)


# A finished run's split


@pytest.fixture
def saved_split(photos, tmp_path):
    photos.save(tmp_path / "split.csv", tmp_path / "skipped.csv")
    return tmp_path / "split.csv"


@pytest.mark.parametrize("side", SIDES)
def test_a_saved_side_is_found_again(side, saved_split, photos, data_config, schema):
    found, _ = load_side(data_config, schema, saved_split, side)
    assert found.paths.tolist() == photos.side(side).paths.tolist()
    np.testing.assert_array_equal(found.grades, photos.side(side).grades)


def test_a_saved_side_does_not_depend_on_todays_table(saved_split, photos, own_folder, own_config, schema):
    """Neither the order of rows, nor new photos, nor another seed moves a photo to another side."""
    shutil.copy(own_folder / "images/00.png", own_folder / "new.png")
    (own_folder / "new.png").write_bytes((own_folder / "new.png").read_bytes() + b"one more")
    new = {"image": "new.png", "subject": "p99", "shine": "1", "lines": "1"}
    rewrite(own_folder, lambda table: pd.concat([pd.DataFrame([new]), table[::-1]]))
    config = replace(own_config, split=SplitConfig(seed=7))
    for side in SIDES:
        found, _ = load_side(config, schema, saved_split, side)
        assert found.paths.tolist() == photos.side(side).paths.tolist()[::-1]


def test_a_photo_of_the_split_that_is_gone_is_named(saved_split, own_folder, own_config, schema):
    rewrite(own_folder, lambda table: table[table["image"] != "images/05.png"])
    with pytest.raises(UserError, match=r"photo images/05\.png of .*split\.csv is no longer in the table labels\.csv"):
        load_side(own_config, schema, saved_split, "test")


@pytest.mark.parametrize("content", [None, "", "photo,side\na.png,train\n", "image,split\na,b,c\nd,e,f,g\n"])
def test_a_split_that_is_none_is_named(content, data_config, schema, tmp_path):
    if content is not None:
        (tmp_path / "split.csv").write_text(content)
    with pytest.raises(UserError, match=r"split\.csv: not the split that 'fit' wrote"):
        load_side(data_config, schema, tmp_path / "split.csv", "test")


def test_paths_that_look_like_nothing_are_paths(own_folder, own_config, schema, tmp_path):
    (own_folder / "images/00.png").rename(own_folder / "NA")
    rewrite(own_folder, lambda table: table.replace({"image": {"images/00.png": "NA"}}))
    photos = load_photos(own_config, schema)
    photos.save(tmp_path / "split.csv", tmp_path / "skipped.csv")
    (side,) = photos.split[photos.manifest.paths == "NA"]
    assert "NA" in load_side(own_config, schema, tmp_path / "split.csv", side)[0].paths


def test_a_fourth_side_is_saved_and_found_again(data_config, schema, tmp_path):
    photos = load_photos(replace(data_config, split=SplitConfig(ratios=[6, 2, 2, 2])), schema)
    photos.save(tmp_path / "split.csv", tmp_path / "skipped.csv")
    assert [len(photos.side(side)) for side in (*SIDES, "calibrate")] == [12, 4, 4, 4]
    found, _ = load_side(data_config, schema, tmp_path / "split.csv", "calibrate")
    assert found.paths.tolist() == photos.side("calibrate").paths.tolist()


def test_what_a_run_has_not_seen_is_known_by_photo_and_by_subject(saved_split, photos):
    require_unseen(photos.side("test"), saved_split)
    for side in ("train", "val"):
        seen = photos.side(side)
        for known in (seen, replace(seen, subject=None)):
            with pytest.raises(UserError, match=rf"row {seen.rows[0]} .*selected on photo {seen.paths[0]}"):
                require_unseen(known, saved_split)
        renamed = np.array([f"new/{path}" for path in seen.paths], dtype=object)
        with pytest.raises(UserError, match=rf"selected on subject {seen.subject[0]}"):
            require_unseen(replace(seen, paths=renamed), saved_split)
        with pytest.raises(UserError, match=r"does not say whose photos .* data\.columns\.subject"):
            require_unseen(replace(seen, paths=renamed, subject=None), saved_split)
        nobody = np.full(len(seen), "", dtype=object)
        require_unseen(replace(seen, paths=renamed, subject=nobody), saved_split)
        part = np.array([f"{path}#xywh=0,0,8,8" for path in seen.paths], dtype=object)
        with pytest.raises(UserError, match=r"selected on photo"):
            require_unseen(replace(seen, paths=part, subject=None), saved_split)


def test_nobodys_photos_have_no_subject_in_common(photos, tmp_path):
    nobody = replace(photos, manifest=replace(photos.manifest, subject=np.full(24, "", dtype=object)))
    nobody.save(tmp_path / "split.csv", tmp_path / "skipped.csv")
    require_unseen(nobody.side("test"), tmp_path / "split.csv")


# Another table


def test_another_table_is_taken_whole_whatever_its_split_says(own_folder, own_config, schema, sides):
    with_split(own_folder, sides | {"p3": "nonsense"})
    rewrite(own_folder, lambda table: table.head(10), "others.csv")
    config = replace(own_config, manifest="others.csv", columns=Columns(subject="subject", split="side"))
    others, _ = load_table(config, schema)
    assert others.paths.tolist() == [f"images/{i:02}.png" for i in range(10)]
    assert others.split is None
    assert config.columns.split == "side"
    assert config.columns.ignore == []


def test_another_table_need_not_have_a_split(data_config, schema, manifest):
    config = replace(data_config, columns=Columns(subject="subject", split="side"))
    assert load_table(config, schema)[0].paths.tolist() == manifest.paths.tolist()
    assert load_table(data_config, schema)[0].paths.tolist() == manifest.paths.tolist()


def test_another_table_keeps_its_second_rater_and_need_not_have_one(own_folder, own_config, schema):
    rewrite(own_folder, lambda table: table.drop(columns="shine").assign(lines2=table["lines"]), "others.csv")
    config = replace(own_config, manifest="others.csv", columns=Columns(second_rater="{}2"))
    others, _ = load_table(config, schema)
    assert (others.second_grades[:, 0] == -1).all()
    assert others.second_grades[:, 1].tolist() == others.grades[:, 1].tolist()
    without, _ = load_table(replace(config, columns=Columns(second_rater="{} again")), schema)
    assert without.second_grades is None


def test_another_table_is_checked(data_config, schema):
    with pytest.raises(UserError, match=rf"nowhere\.csv: no such file; .*starts from {data_config.root}"):
        load_table(replace(data_config, manifest="nowhere.csv"), schema)


def test_a_config_without_columns_needs_only_paths_and_grades(own_folder, schema):
    rewrite(own_folder, lambda table: table.drop(columns="subject"))
    photos = load_photos(DataConfig(root=str(own_folder)), schema)
    assert photos.manifest.subject is None
    assert len(photos.split) == 24
