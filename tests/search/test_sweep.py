"""The study of a sweep: what is sampled, stored, resumed and refused, without training."""

import json
import math
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import yaml

from multiskin.cli.settings import fit_config
from multiskin.config import FitConfig, OptimizerConfig, TrainerConfig
from multiskin.errors import UserError
from multiskin.search.space import Choices, Range
from multiskin.search.sweep import MIN_RESULTS, Sweep

MONITOR = "val/mean/rps_balanced"
SPACE = {
    "optimizer.lr": Range(1e-5, 1e-1, log=True, whole=False),
    "data.batch_size": Choices((4, 8)),
    "trainer.max_epochs": Range(2, 5, log=False, whole=True),
    "heads.lines.augment": Choices((["Resize"], [{"RandomCrop": {"size": 30}}])),
}


@pytest.fixture
def config(data_config, tmp_path):
    return FitConfig(data=data_config, trainer=TrainerConfig(monitor=MONITOR), out=str(tmp_path / "unused"))


@pytest.fixture
def begin(tmp_path, config, photos):
    """Opens the sweep as another process would, with changes."""

    def begin(**changes):
        settings = {"root": tmp_path / "sweep", "config": config, "photos": photos, "space": SPACE, "mode": "min"}
        return Sweep(**settings | changes)

    return begin


def train(sweep, trial, values=None):
    """Writes a training's curves, whose best value is better the closer the learning rate is to 0.001."""
    distance = abs(math.log10(trial.options["optimizer.lr"]) + 3)
    write_curves(trial, values or [1 + distance, distance, 2 + distance])
    sweep.finish(trial)
    trial.lock.release()


def write_curves(trial, values):
    trial.run.curves.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"epoch": epoch, MONITOR: value} for epoch, value in enumerate(values)]
    pd.DataFrame([*rows, {"epoch": 0, "train/loss": 0.1}]).to_csv(trial.run.curves, index=False)


def drawn(sweep, trials):
    options = []
    while trial := sweep.take(trials):
        options.append(trial.options)
        train(sweep, trial)
    return options


class TestTrials:
    def test_every_trial_is_a_run_with_its_sampled_settings(self, begin, config, tmp_path, monkeypatch):
        sweep = begin()
        trial = sweep.take(1)
        assert trial.run.root == tmp_path / "sweep" / "runs" / "trial-0000"
        settings = fit_config("fit", "", ["--config", str(sweep.write_settings(trial))])[0]
        assert settings.out == str(trial.run.root)
        assert not settings.test
        assert settings.optimizer == replace(config.optimizer, lr=trial.options["optimizer.lr"])
        assert settings.trainer == replace(config.trainer, max_epochs=trial.options["trainer.max_epochs"])
        assert settings.heads == {"lines": {"augment": trial.options["heads.lines.augment"]}}
        assert settings.data == replace(config.data, batch_size=trial.options["data.batch_size"])
        assert 1e-5 <= settings.optimizer.lr <= 1e-1
        assert settings.data.batch_size in (4, 8)

    @pytest.mark.parametrize(("mode", "best"), [("min", 1.5), ("max", 4.0)])
    def test_the_result_is_that_of_the_best_epoch(self, begin, mode, best):
        sweep = begin(mode=mode)
        train(sweep, sweep.take(1), [2.0, 1.5, 4.0])
        assert sweep.ranking()[MONITOR].tolist() == [best]

    def test_a_trial_without_any_value_has_failed(self, begin):
        sweep = begin()
        train(sweep, sweep.take(1), [math.nan])
        assert sweep.table()["state"].tolist() == ["failed"]

    @pytest.mark.slow
    def test_a_restarted_sweep_samples_the_same_trials(self, begin, tmp_path):
        whole = drawn(begin(root=tmp_path / "whole"), 12)  # the first ten are random
        assert drawn(begin(), 11) == whole[:11]
        assert drawn(begin(), 12) == whole[11:]

    def test_another_seed_samples_other_trials(self, begin, config, tmp_path):
        other = begin(root=tmp_path / "other", config=replace(config, seed=1))
        assert begin().take(1).options != other.take(1).options

    @pytest.mark.slow
    def test_trials_concentrate_near_the_best(self, begin, tmp_path):
        rates = {}
        for mode in ("min", "max"):
            sweep = begin(root=tmp_path / mode, mode=mode)
            rates[mode] = []
            while trial := sweep.take(16):
                rates[mode].append(math.log10(trial.options["optimizer.lr"]))
                train(sweep, trial, rates[mode][-1:])
        assert rates["min"][:10] == rates["max"][:10]  # by chance
        assert np.mean(rates["min"][10:]) + 1 < np.mean(rates["max"][10:])  # they range over four decades

    def test_a_failed_trial_counts_until_the_next_start(self, begin):
        sweep = begin()
        for _ in range(2):
            trial = sweep.take(2)
            sweep.fail(trial)
            trial.lock.release()
        assert sweep.take(2) is None
        again = begin()
        assert [again.take(2).number, again.take(2).number] == [2, 3]
        assert again.take(2) is None


class TestSeveralProcesses:
    def test_workers_share_the_trials_but_no_run_folder(self, begin):
        first, second = begin(), begin()
        trials = [first.take(4), second.take(4), second.take(4), first.take(4)]
        assert [trial.number for trial in trials] == [0, 1, 2, 3]
        assert len({trial.run.root for trial in trials}) == 4
        assert len({trial.options["optimizer.lr"] for trial in trials}) == 4
        assert first.take(4) is second.take(4) is None

    @pytest.mark.slow
    def test_workers_see_the_trials_of_others(self, begin, tmp_path):
        drawn(begin(), 10)  # by chance
        shutil.copytree(tmp_path / "sweep", tmp_path / "failed")
        beside_one_at_work, beside_none = begin(), begin(root=tmp_path / "failed")
        beside_one_at_work.take(12)
        beside_none.fail(beside_none.take(12))
        first, second = beside_one_at_work.take(12), beside_none.take(12)
        assert first.number == second.number == 11  # which have the same seed
        assert first.options != second.options

    def test_an_abandoned_trial_is_resumed_by_another_worker(self, begin):
        first, second = begin(), begin()
        left = first.take(1)
        assert second.take(1) is None
        left.lock.release()  # as when a process dies
        taken = second.take(1)
        assert (taken.number, taken.options, taken.run) == (left.number, left.options, left.run)

    def test_no_worker_takes_a_trial_twice(self, begin):
        sweep = begin()
        sweep.take(1).lock.release()
        assert sweep.take(1) is None

    def test_a_leftover_training_is_left_alone(self, begin):
        first, second = begin(), begin()
        left = first.take(2)
        left.lock.release()
        with left.run.locked():
            assert second.take(2).number == 1
        assert begin().take(2).number == 0

    def test_a_trial_killed_while_sampled_has_failed(self, begin):
        sweep = begin()
        sweep.study.ask()
        assert sweep.take(1) is None  # the failure counts in this process
        assert sweep.table()["state"].tolist() == ["failed"]
        assert begin().take(1).number == 1


class TestResults:
    def test_the_table_has_every_trial(self, begin):
        sweep = begin()
        trials = [sweep.take(3) for _ in range(3)]
        train(sweep, trials[0])
        sweep.fail(trials[1])
        table = pd.read_csv(sweep.root / "trials.csv")
        assert table.columns.tolist() == ["trial", "state", MONITOR, *SPACE]
        assert table["trial"].tolist() == ["trial-0000", "trial-0001", "trial-0002"]
        assert table["state"].tolist() == ["finished", "failed", "unfinished"]
        assert table[MONITOR].notna().tolist() == [True, False, False]
        assert table["optimizer.lr"].tolist() == [trial.options["optimizer.lr"] for trial in trials]
        assert [json.loads(text) for text in table["heads.lines.augment"]] == [
            trial.options["heads.lines.augment"] for trial in trials
        ]

    @pytest.mark.parametrize("mode", ["min", "max"])
    def test_the_best_come_first_and_the_best_one_becomes_a_config(self, begin, config, mode):
        sweep = begin(mode=mode)
        trials = [sweep.take(4) for _ in range(4)]
        for trial, value in zip(trials, (0.4, 0.1, 0.9, 0.5), strict=True):
            train(sweep, trial, [value])
        order = [1, 0, 3, 2] if mode == "min" else [2, 3, 0, 1]
        assert sweep.ranking()["trial"].tolist() == [trials[number].name for number in order]
        best, schema = fit_config("fit", "", ["--config", str(sweep.best)])
        assert best.optimizer.lr == trials[order[0]].options["optimizer.lr"]
        assert best.heads["lines"]["augment"] == trials[order[0]].options["heads.lines.augment"]
        assert best.out == str(sweep.root / "best")
        assert best.test == config.test
        assert schema.names == ("shine", "lines")

    @pytest.mark.slow
    def test_the_important_option_is_found(self, begin):
        sweep = begin()
        drawn(sweep, MIN_RESULTS - 1)
        assert sweep.importances() == {}
        drawn(sweep, 15)
        importances = sweep.importances()
        assert importances.keys() == SPACE.keys()
        assert max(importances, key=importances.get) == "optimizer.lr"
        assert sum(importances.values()) == pytest.approx(1)


class TestFolder:
    def test_a_sweep_refuses_another_search(self, begin, config, photos):
        begin()
        with pytest.raises(UserError, match=r"another sweep: optimizer.weight_decay was 0.05 and is 0.1; name another"):
            begin(config=replace(config, optimizer=OptimizerConfig(weight_decay=0.1)))
        with pytest.raises(UserError, match=r"the search of data.batch_size was .* and is None"):
            begin(space={option: of for option, of in SPACE.items() if option != "data.batch_size"})
        with pytest.raises(UserError, match="another sweep: the digest of the table with its split was"):
            begin(photos=replace(photos, split=photos.split[::-1]))
        other = replace(config, out="elsewhere", test=False, optimizer=OptimizerConfig(lr=0.5))  # which is searched
        begin(config=other)

    def test_other_photos_weights_or_packages_under_the_same_names_are_another_search(
        self, begin, config, photos, tmp_path, monkeypatch
    ):
        root = shutil.copytree(photos.manifest.root, tmp_path / "photos")
        moved = replace(photos, manifest=replace(photos.manifest, root=root))
        weights = tmp_path / "first.pth"
        weights.write_bytes(b"one")
        own = replace(config, model=replace(config.model, weights=str(weights)))
        begin(config=own, photos=moved)
        begin(config=own, photos=photos)  # the same ones elsewhere
        weights.write_bytes(b"other")
        with pytest.raises(UserError, match="another sweep: the digest of the weights was"):
            begin(config=own, photos=moved)
        weights.write_bytes(b"one")
        monkeypatch.setattr("multiskin.compare.contents.PACKAGES", ("numpy",))
        with pytest.raises(UserError, match=r"the version of torch was .* and is None"):
            begin(config=own, photos=moved)
        monkeypatch.undo()
        shutil.copy(root / photos.manifest.paths[0], root / photos.manifest.paths[1])
        with pytest.raises(UserError, match="another sweep: the digest of the photos was"):
            begin(config=own, photos=moved)

    def test_a_folder_with_other_content_is_left_alone(self, begin, tmp_path):
        (tmp_path / "sweep").mkdir()
        (tmp_path / "sweep" / "thesis.txt").touch()
        with pytest.raises(UserError, match="there is something already"):
            begin()
        assert [path.name for path in (tmp_path / "sweep").iterdir()] == ["thesis.txt"]

    def test_a_folder_that_cannot_be_made_is_named(self, begin, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(UserError, match=r"--out .*file.sweep"):
            begin(root=tmp_path / "file" / "sweep")

    def test_a_file_that_is_not_a_database_is_named(self, begin, tmp_path):
        (tmp_path / "sweep").mkdir()
        (tmp_path / "sweep" / "sweep.db").write_text("no database, but long enough to be looked at" * 10)
        with pytest.raises(UserError, match=r"sweep\.db: .*not a database.*name another folder"):
            begin()

    def test_a_damaged_database_is_named(self, begin, tmp_path):
        begin().take(1)
        database = tmp_path / "sweep" / "sweep.db"
        head = database.read_bytes()[:4096]  # SQLite's first page, which names the tables
        database.write_bytes(head + bytes(range(256)) * ((database.stat().st_size - len(head)) // 256))
        with pytest.raises(UserError, match=r"sweep\.db: .*malformed; name another folder"):
            begin()

    def test_a_database_that_another_program_holds_is_named_and_resumed_later(self, begin, tmp_path, monkeypatch):
        monkeypatch.setattr("multiskin.search.sweep.BUSY_SECONDS", 0.01)
        sweep = begin()
        trial = sweep.take(1)
        with closing(sqlite3.connect(tmp_path / "sweep" / "sweep.db")) as other:
            other.execute("begin exclusive")
            for work in (begin, sweep.finished, partial(sweep.take, 2), partial(train, sweep, trial)):
                with pytest.raises(UserError, match=r"sweep\.db: database is locked; .*the same command resumes"):
                    work()
        trial.lock.release()
        assert begin().take(1).number == trial.number

    def test_a_folder_may_have_any_name(self, begin, tmp_path):
        root = tmp_path / "피부? {x} 100%25 #1"
        begin(root=root).take(1)
        with sqlite3.connect(root / "sweep.db") as database:
            assert database.execute("select count(*) from trials").fetchone() == (1,)
        database.close()
        assert yaml.safe_load((root / "settings" / "schema.yaml").read_text())["attributes"]
