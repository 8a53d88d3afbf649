"""Earlier results that answer another question are neither lost nor mixed with the new ones."""

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
    return lambda config, seeds=(0, 1), protocol="equal-epochs", distill=None: plan_comparison(
        config, photos, seeds, protocol, distill
    )


@pytest.fixture
def write(runs):
    """Writes the results and settings of planned runs."""

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


def test_without_earlier_results_nothing_is_moved(runs, plan, config):
    assert set_aside(runs, plan(config), ASKED, FILES) == ""
    assert not list(runs.root.glob("results*"))


def test_results_of_the_same_runs_stay(runs, plan, config, write):
    write(plan(config))
    free = replace(config, trainer=replace(config.trainer, progress=False))
    assert set_aside(runs, plan(free), ASKED, FILES) == ""
    assert (runs.root / "table.md").read_text() == "old"


def test_results_of_other_runs_are_moved_to_a_subfolder(runs, plan, config, write):
    write(plan(config))
    (runs.root / "notes.txt").write_text("mine")
    set_aside(runs, plan(config, [0]), ASKED, FILES)
    kept = {str(path.relative_to(runs.root / PLACE)) for path in (runs.root / PLACE).rglob("*") if path.is_file()}
    assert kept == {"results.json", "table.md", "figures/cost.png"}
    assert not any((runs.root / name).exists() for name in FILES)
    assert (runs.root / "notes.txt").is_file()


def test_changed_seeds_are_reported(runs, plan, config, write):
    write(plan(config))
    told = set_aside(runs, plan(config, [0, 1, 2]), ASKED, FILES)
    assert told == f"earlier results moved to {PLACE}/: seeds were 0 1 and are 0 1 2; the settings are the same"


def test_changed_models_are_reported(runs, plan, config, write):
    write(plan(config)[:2])
    assert "models were shared single-shine and are shared single-lines single-shine" in set_aside(
        runs, plan(config), ASKED, FILES
    )


@pytest.mark.parametrize("seeds", [[0, 1], [5]])
def test_changed_settings_are_reported_once_with_their_earlier_values(runs, plan, config, write, seeds):
    write(plan(config))
    told = set_aside(runs, plan(replace(config, recipe=Recipe(loss="focal")), seeds), ASKED, FILES)
    assert "settings of shared: recipe.loss was cross_entropy and is focal" in told
    assert told.count("recipe.loss") == 1
    assert "data.manifest" not in told


def test_a_changed_setting_of_one_attribute_is_reported(runs, plan, config, write):
    write(plan(config))
    told = set_aside(runs, plan(replace(config, heads={"lines": {"loss": "focal"}})), ASKED, FILES)
    assert told.endswith("/: settings of shared: heads.lines.loss was None and is focal")


def test_learning_from_the_single_models_is_reported_without_their_paths(runs, plan, config, write):
    write(plan(config))
    told = set_aside(runs, plan(config, distill=3.0), ASKED, FILES)
    assert told.endswith("/: settings of shared: distillation.weight was None and is 3.0")


def test_teachers_of_a_folder_that_has_moved_are_not_reported_as_a_change(runs, plan, config, write, tmp_path):
    write(plan(config, [0], distill=3.0))
    moved = Runs(runs.root.rename(tmp_path / "moved"), "test", "compare")
    told = set_aside(moved, plan(config, [0, 1], distill=3.0), ASKED, FILES)
    assert told.endswith("/: seeds were 0 and are 0 1; the settings are the same")


def test_a_changed_protocol_and_split_are_reported(runs, plan, config, write):
    write(plan(config))
    told = set_aside(
        Runs(runs.root, "val", "compare"), plan(config, protocol="equal-compute"), {"protocol": "equal-compute"}, FILES
    )
    assert "protocol was equal-epochs and is equal-compute" in told
    assert "side was test and is val" in told
    assert "settings of single-shine: data.draws_per_epoch was 8 and is 7" in told


def test_changed_photos_are_reported(runs, plan, config, write):
    planned = plan(config)
    write(planned)
    others = [replace(run, contents=dict.fromkeys(run.contents, "other")) for run in planned]
    assert "photos, grades, initial weights or package versions" in set_aside(runs, others, ASKED, FILES)


def test_missing_settings_are_reported(runs, plan, config, write):
    planned = plan(config)
    write(planned)
    runs.settings_path(planned[0].name).unlink()
    told = set_aside(runs, plan(replace(config, recipe=Recipe(loss="focal"))), ASKED, FILES)
    assert "the earlier settings of shared are missing" in told


@pytest.mark.parametrize("damaged", ["recipe: {loss", "- recipe", b"\xff", "[" * 5000])
def test_unreadable_settings_count_as_missing(runs, plan, config, write, damaged):
    planned = plan(config)
    write(planned)
    runs.settings_path(planned[0].name).write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
    told = set_aside(runs, plan(replace(config, recipe=Recipe(loss="focal"))), ASKED, FILES)
    assert "the earlier settings of shared are missing" in told


UNKNOWN = [{}, {"shared": {}}, {"shared": ["shared-0-ab"]}, {"shared": {"0": 5}}, ["shared"]]


@pytest.mark.parametrize(
    "record", ["{", "[]", '{"seeds": [0, 1]}', *(json.dumps({"runs": each}) for each in UNKNOWN), "\xff"]
)
def test_results_with_a_damaged_record_are_kept(runs, plan, config, write, record):
    write(plan(config))
    (runs.root / "results.json").write_text(record, encoding="latin-1")
    assert "the runs they were based on are not known" in set_aside(runs, plan(config), ASKED, FILES)
    assert len(list(runs.root.glob("results-*/results.json"))) == 1


def test_an_interrupted_move_is_resumed(runs, plan, config, write):
    write(plan(config))
    (runs.root / PLACE).mkdir()
    (runs.root / "table.md").rename(runs.root / PLACE / "table.md")
    set_aside(runs, plan(config, [0]), ASKED, FILES)
    assert {path.name for path in (runs.root / PLACE).iterdir()} == {"results.json", "table.md", "figures"}
