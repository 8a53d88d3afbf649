"""A run is trained on corrected grades, measured on them again, and resumed with no others."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from multiskin.compare.plan import Experiment
from multiskin.config import FitConfig
from multiskin.data.photos import load_photos, load_side
from multiskin.errors import UserError
from multiskin.run import RunFolder
from multiskin.schema import MISSING
from multiskin.training.checkpoints import require_same_run


@pytest.fixture
def corrected(photos, data_config, tmp_path):
    """Settings that correct shine on the first photo graded for it on each side, and the names of these photos."""
    manifest, chosen = photos.manifest, {}
    for side in ("train", "val", "test"):
        place = np.flatnonzero((photos.split == side) & (manifest.grades[:, 0] != MISSING))[0]
        chosen[side] = (manifest.paths[place], (manifest.grades[place, 0] + 1) % 5)
    listed = tmp_path / "corrections.csv"
    pd.DataFrame(chosen.values(), columns=["image", "shine"]).to_csv(listed, index=False)
    return replace(data_config, relabel=str(listed)), chosen


def differing(after, before):
    return {
        (path, grade)
        for path, grade, had in zip(after.paths, after.grades[:, 0], before.grades[:, 0], strict=True)
        if grade != had
    }


def test_training_and_validation_are_corrected_and_test_is_not(corrected, photos, schema):
    config, chosen = corrected
    after = load_photos(config, schema)
    assert after.split.tolist() == photos.split.tolist()
    for side in ("train", "val"):
        assert differing(after.side(side), photos.side(side)) == {chosen[side]}
    assert differing(after.side("test"), photos.side("test")) == set()
    assert "2 grades are corrected, 0 are removed; 1 grades of test and calibration photos stay" in str(
        after.warnings[0]
    )


def test_what_is_excluded_is_excluded_though_it_is_corrected(corrected, schema, tmp_path):
    config, chosen = corrected
    pd.DataFrame({"image": [chosen["train"][0]], "attribute": ["shine"]}).to_csv(tmp_path / "out.csv", index=False)
    after = load_photos(replace(config, exclude=str(tmp_path / "out.csv")), schema)
    assert after.manifest.grades[after.manifest.paths == chosen["train"][0], 0] == MISSING
    assert [str(each).split()[0] for each in after.warnings[:2]] == ["data.relabel", "data.exclude"]


@pytest.fixture
def begun(corrected, schema, tmp_path):
    config = FitConfig(data=corrected[0])
    run, after = RunFolder.create(tmp_path / "run"), load_photos(config.data, schema)
    schema.save(run.schema)
    after.save(run.split, run.skipped)
    run.config.write_text(yaml.safe_dump(asdict(config)))
    return run, config, after


@pytest.mark.parametrize("side", ["train", "val", "test"])
def test_a_finished_run_is_measured_on_what_it_was_validated_on(begun, schema, side):
    run, config, after = begun
    Path(config.data.relabel).unlink()
    assert load_side(config.data, schema, run.split, side)[0].grades.tolist() == after.side(side).grades.tolist()


def test_a_run_goes_on_with_the_same_grades_alone_whatever_the_list_is_called(begun, photos, tmp_path):
    run, config, after = begun
    moved = shutil.copy(config.data.relabel, tmp_path / "moved.csv")
    require_same_run(run, replace(config, data=replace(config.data, relabel=str(moved))), after)
    with pytest.raises(UserError, match="other photos or another split"):
        require_same_run(run, config, photos)


def test_planned_runs_have_tables_with_the_corrected_grades_and_other_names(corrected, data_config, schema):
    config, chosen = corrected
    plain, run = (
        Experiment(FitConfig(data=data), load_photos(data, schema)).shared() for data in (data_config, config)
    )
    assert run.config.data.relabel is None
    before, table = (of.table.set_index("image") for of in (plain, run))
    assert (before != table).to_numpy().sum() == 2
    for side in ("train", "val"):
        assert table.at[chosen[side][0], "shine"] == str(chosen[side][1])
    assert run.name != plain.name


def test_a_list_that_is_not_there_is_told_before_photos_are_checked(data_config, schema):
    def progress(*_):
        raise AssertionError

    with pytest.raises(UserError, match=r"^data\.relabel nowhere\.csv: no such file in .*; correct its path"):
        load_photos(replace(data_config, relabel="nowhere.csv"), schema, progress)
