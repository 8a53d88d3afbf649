"""Results that were there before another question was asked are neither lost nor mixed with the new ones."""

import json
import os
from dataclasses import replace

import pytest

from multiskin.compare.earlier import set_aside
from multiskin.compare.plan import names_of, plan_comparison
from multiskin.compare.runs import Runs
from multiskin.config import FitConfig, Recipe, TrainerConfig

FILES = ("results.json", "table.md", "figures")
ASKED = {"protocol": "equal-epochs"}
WRITTEN = 1_600_000_000  # seconds, 2020-09-13 12:26:40 UTC
PLACE = "results-20200913-122640"


@pytest.fixture
def config(data_config):
    return FitConfig(data=data_config, trainer=TrainerConfig(max_epochs=2))


@pytest.fixture
def plan(photos):
    return lambda config, seeds=(0, 1), protocol="equal-epochs": plan_comparison(config, photos, seeds, protocol)


@pytest.fixture
def write(runs):
    """Leaves the results of planned runs, whose settings stay behind as well."""

    def write(planned, **changes):
        for run in planned:
            runs.write_settings(run)
        content = {**ASKED, "side": "test", "runs": names_of(planned)} | changes
        (runs.root / "results.json").write_text(json.dumps(content, sort_keys=True))
        (runs.root / "table.md").write_text("old")
        (runs.root / "figures").mkdir(exist_ok=True)
        (runs.root / "figures" / "cost.png").write_text("old")
        os.utime(runs.root / "results.json", (WRITTEN, WRITTEN))

    return write


def test_where_nothing_is_nothing_is_moved(runs, plan, config):
    assert set_aside(runs, plan(config), ASKED, FILES) == ""
    assert not list(runs.root.glob("results*"))


def test_results_of_the_same_runs_stay_to_be_written_anew(runs, plan, config, write):
    write(plan(config))
    free = replace(config, trainer=replace(config.trainer, progress=False))
    assert set_aside(runs, plan(free), ASKED, FILES) == ""
    assert (runs.root / "table.md").read_text() == "old"


def test_other_results_are_kept_whole_in_a_folder_beside(runs, plan, config, write):
    write(plan(config))
    (runs.root / "notes.txt").write_text("mine")
    set_aside(runs, plan(config, [0]), ASKED, FILES)
    kept = {str(path.relative_to(runs.root / PLACE)) for path in (runs.root / PLACE).rglob("*") if path.is_file()}
    assert kept == {"results.json", "table.md", "figures/cost.png"}
    assert not any((runs.root / name).exists() for name in FILES)
    assert (runs.root / "notes.txt").is_file()


def test_other_seeds_are_told(runs, plan, config, write):
    write(plan(config))
    told = set_aside(runs, plan(config, [0, 1, 2]), ASKED, FILES)
    assert told == f"earlier results moved to {PLACE}/: seeds were 0 1 and are 0 1 2; the settings are the same"


def test_other_models_are_told(runs, plan, config, write):
    write(plan(config)[:2])
    assert "models were shared single-shine and are shared single-lines single-shine" in set_aside(
        runs, plan(config), ASKED, FILES
    )


@pytest.mark.parametrize("seeds", [[0, 1], [5]])
def test_other_settings_are_told_once_with_what_they_were(runs, plan, config, write, seeds):
    write(plan(config))
    told = set_aside(runs, plan(replace(config, recipe=Recipe(loss="focal")), seeds), ASKED, FILES)
    assert "settings of shared: recipe.loss was cross_entropy and is focal" in told
    assert told.count("recipe.loss") == 1
    assert "data.manifest" not in told


def test_a_setting_of_one_attribute_alone_is_told(runs, plan, config, write):
    write(plan(config))
    told = set_aside(runs, plan(replace(config, heads={"lines": {"loss": "focal"}})), ASKED, FILES)
    assert told.endswith("/: settings of shared: heads.lines.loss was None and is focal")


def test_another_protocol_and_another_side_are_told(runs, plan, config, write):
    write(plan(config))
    told = set_aside(
        Runs(runs.root, "val", "compare"), plan(config, protocol="equal-compute"), {"protocol": "equal-compute"}, FILES
    )
    assert "protocol was equal-epochs and is equal-compute" in told
    assert "side was test and is val" in told
    assert "settings of single-shine: data.draws_per_epoch was 8 and is 7" in told


def test_other_photos_are_told(runs, plan, config, write):
    planned = plan(config)
    write(planned)
    others = [replace(run, contents=dict.fromkeys(run.contents, "other")) for run in planned]
    assert "photos, grades, initial weights or package versions" in set_aside(runs, others, ASKED, FILES)


def test_settings_that_are_gone_are_not_guessed(runs, plan, config, write):
    planned = plan(config)
    write(planned)
    runs.settings_path(planned[0].name).unlink()
    told = set_aside(runs, plan(replace(config, recipe=Recipe(loss="focal"))), ASKED, FILES)
    assert "the earlier settings of shared are missing" in told


@pytest.mark.parametrize("damaged", ["recipe: {loss", "- recipe", b"\xff", "[" * 5000])
def test_settings_that_cannot_be_read_are_gone(runs, plan, config, write, damaged):
    planned = plan(config)
    write(planned)
    runs.settings_path(planned[0].name).write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
    told = set_aside(runs, plan(replace(config, recipe=Recipe(loss="focal"))), ASKED, FILES)
    assert "the earlier settings of shared are missing" in told


UNKNOWN = [{}, {"shared": {}}, {"shared": ["shared-0-ab"]}, {"shared": {"0": 5}}, ["shared"]]


@pytest.mark.parametrize(
    "record", ["{", "[]", '{"seeds": [0, 1]}', *(json.dumps({"runs": each}) for each in UNKNOWN), "\xff"]
)
def test_what_cannot_be_told_is_kept_too(runs, plan, config, write, record):
    write(plan(config))
    (runs.root / "results.json").write_text(record, encoding="latin-1")
    assert "the runs they were based on are not known" in set_aside(runs, plan(config), ASKED, FILES)
    assert len(list(runs.root.glob("results-*/results.json"))) == 1


def test_a_move_that_was_stopped_is_gone_on_with(runs, plan, config, write):
    write(plan(config))
    (runs.root / PLACE).mkdir()
    (runs.root / "table.md").rename(runs.root / PLACE / "table.md")
    set_aside(runs, plan(config, [0]), ASKED, FILES)
    assert {path.name for path in (runs.root / PLACE).iterdir()} == {"results.json", "table.md", "figures"}
