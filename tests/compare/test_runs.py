"""Runs are trained in their own processes, replaced here by a short script."""

import os
import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from multiskin.compare.plan import plan_comparison
from multiskin.compare.runs import Runs
from multiskin.config import FitConfig, ModelConfig, SkinConfig, TrainerConfig
from multiskin.errors import UserError


@pytest.fixture
def planned(data_config, photos):
    return plan_comparison(FitConfig(data=data_config, trainer=TrainerConfig(max_epochs=2)), photos, [0])


def trained(faults):
    return [line.split() for line in (faults / "trained").read_text().splitlines()]


def test_finished_runs_are_not_trained_again(runs, planned, faults):
    assert runs.train(planned, 1, lambda *_: None) == {}
    assert [name for name, _ in trained(faults)] == [run.name for run in planned]
    assert runs.train(planned, 1, lambda *_: None) == {}
    assert len(trained(faults)) == len(planned)


def test_a_run_that_was_not_measured_on_test_photos_is_not_finished(runs, planned, faults):
    Runs(runs.root, "val", "compare").train(planned, 1, lambda *_: None)
    assert not any(map(runs.finished, planned))
    runs.train(planned, 1, lambda *_: None)
    assert all(map(runs.finished, planned))


def test_a_run_with_damaged_results_is_resumed_and_measured_again(runs, planned, faults):
    runs.train(planned, 1, lambda *_: None)
    metrics = runs.folder(planned[1]).metrics
    metrics.write_text(metrics.read_text()[:9])
    assert runs.train(planned, 1, lambda *_: None) == {}
    assert [name for name, _ in trained(faults)[3:]] == [planned[1].name]
    assert all(map(runs.finished, planned))


def test_a_run_whose_predictions_are_lost_is_measured_again(runs, planned, faults):
    runs.train(planned, 1, lambda *_: None)
    runs.folder(planned[1]).predictions("val").unlink()  # of another split, which is not needed
    assert all(map(runs.finished, planned))
    runs.folder(planned[1]).predictions("test").unlink()
    assert runs.train(planned, 1, lambda *_: None) == {}
    assert [name for name, _ in trained(faults)[3:]] == [planned[1].name]
    assert runs.folder(planned[1]).predictions("test").is_file()


def test_a_failed_run_is_reported_and_the_others_continue(runs, planned, faults):
    (faults / "shine").write_text("data.root: gone")
    failures = runs.train(planned, 1, lambda *_: None)
    assert list(failures) == ["single-shine, seed 0"]
    assert failures["single-shine, seed 0"].startswith("data.root: gone; ")
    assert "data.root: gone" in runs.log(planned[1]).read_text()
    (faults / "shine").unlink()
    assert runs.train(planned, 1, lambda *_: None) == {}
    assert [name for name, _ in trained(faults)] == [planned[0].name, planned[2].name, planned[1].name]


class TestTeachers:
    @pytest.fixture
    def taught(self, data_config, photos):
        config = FitConfig(data=data_config, trainer=TrainerConfig(max_epochs=2))
        return plan_comparison(config, photos, [0], distill=0.5)

    def test_a_run_waits_for_those_that_it_learns_from(self, runs, taught, faults):
        assert runs.train(taught, 3, lambda *_: None) == {}
        assert trained(faults)[-1][0] == taught[0].name
        settings = yaml.safe_load(runs.settings_path(taught[0].name).read_text())
        teachers = [str(runs.folder(run).root) for run in taught[1:]]
        assert settings["distillation"] == {"teachers": teachers, "weight": 0.5}

    def test_without_one_of_them_it_is_reported_and_trained_next_time(self, runs, taught, faults):
        (faults / "shine").write_text("data.root: gone")
        failures = runs.train(taught, 1, lambda *_: None)
        assert failures["shared, seed 0"] == "a model that it learns from is not finished"
        assert [name for name, _ in trained(faults)] == [taught[2].name]
        (faults / "shine").unlink()
        assert runs.train(taught, 1, lambda *_: None) == {}
        assert [name for name, _ in trained(faults)] == [taught[2].name, taught[1].name, taught[0].name]

    def test_they_are_found_after_the_folder_has_moved(self, runs, taught, faults, tmp_path):
        runs.train(taught, 1, lambda *_: None)
        shutil.copy(runs.settings_path(taught[0].name), runs.folder(taught[0]).config)
        moved = Runs(runs.root.rename(tmp_path / "moved"), runs.side, runs.command)
        assert moved.train(taught, 1, lambda *_: None) == {}
        settings = yaml.safe_load(moved.folder(taught[0]).config.read_text())
        assert settings["distillation"]["teachers"] == [str(moved.folder(run).root) for run in taught[1:]]


def test_a_killed_run_is_a_failed_run(runs, planned, faults):
    (faults / "lines").write_text("die")
    failures = runs.train(planned, 1, lambda *_: None)
    assert failures["single-lines, seed 0"].startswith("killed by SIGKILL; ")


def test_a_run_that_exits_without_results_has_failed(runs, planned, faults):
    (faults / "shine").write_text("leave")
    failures = runs.train(planned, 1, lambda *_: None)
    expected = f"ended without results on test photos; full output: {runs.log(planned[1])}"
    assert failures == {"single-shine, seed 0": expected}
    assert runs.finished(planned[2])


def test_a_run_still_trained_by_a_leftover_process_is_reported_and_left_alone(runs, planned, faults):
    folder = runs.folder(planned[1])
    folder.root.mkdir(parents=True)
    with folder.locked():
        failures = runs.train(planned, 1, lambda *_: None)
    assert [name for name, _ in trained(faults)] == [planned[0].name, planned[2].name]
    assert list(failures) == ["single-shine, seed 0"]
    assert failures["single-shine, seed 0"].startswith("another process is still training it")
    assert failures["single-shine, seed 0"].endswith("; start again once it has ended")
    assert runs.train(planned, 1, lambda *_: None) == {}


def test_several_at_once_share_the_cores(runs, planned, faults):
    runs.train(planned, 3, lambda *_: None)
    assert {threads for _, threads in trained(faults)} == {"2"}


def test_progress_counts_work_over_all_runs(runs, planned, faults):
    told = []
    (faults / "shine").write_text("no")
    runs.train(planned, 1, lambda what, passes: told.append((what, passes)))
    shared, shine, lines = (run.work for run in planned)
    assert told[0] == ("3 of 3 runs to train", 0)
    assert ("shared, seed 0: epoch 1/2", shared // 2) in told
    assert told[-1] == ("single-lines, seed 0: finished", shared + shine + lines)
    (faults / "shine").unlink()
    told.clear()
    runs.train(planned, 1, lambda what, passes: told.append((what, passes)))
    assert told[0] == ("1 of 3 runs to train", shared + lines)


def test_an_interrupt_leaves_no_process_behind(runs, planned, faults):
    (faults / "shine").write_text("wait")

    def interrupt():
        while (faults / "shine").exists():
            time.sleep(0.02)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        runs.train(planned, 1, lambda *_: None)
    assert [name for name, _ in trained(faults)] == [planned[0].name]
    assert runs.train(planned, 1, lambda *_: None) == {}


def test_the_settings_of_a_run_are_those_that_were_planned(runs, planned):
    settings = yaml.safe_load(runs.write_settings(planned[1]).read_text())
    assert settings["data"]["draws_per_epoch"] == planned[1].config.data.draws_per_epoch
    assert settings["out"] == str(runs.folder(planned[1]).root)
    assert settings["test"]


def test_a_run_can_be_repeated_from_any_folder(data_config, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for own in ("own.pth", "own.onnx"):
        (tmp_path / own).write_bytes(b"")
    data = replace(data_config, root=os.path.relpath(data_config.root), skin=SkinConfig(detector="own.onnx"))
    config = FitConfig(data=data, model=ModelConfig(weights="own.pth"))
    runs = Runs(Path("compare"), "test", "compare")
    with runs.opened():
        settings = yaml.safe_load(runs.write_settings(plan_comparison(config, photos, [0])[0]).read_text())
    places = settings["data"]["root"], settings["data"]["manifest"], settings["model"]["weights"], settings["out"]
    assert all(Path(place).is_absolute() for place in places)
    assert Path(settings["model"]["weights"]) == tmp_path / "own.pth"
    assert Path(settings["data"]["skin"]["detector"]) == tmp_path / "own.onnx"


def test_runs_at_the_same_time_share_the_workers_that_read_photos(runs, data_config, photos, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    run = plan_comparison(FitConfig(data=replace(data_config, num_workers=None)), photos, [0])[0]
    workers = [yaml.safe_load(runs.write_settings(run, each).read_text())["data"]["num_workers"] for each in (1, 2, 4)]
    assert workers == [6, 2, 0]


class TestFolder:
    def test_two_comparisons_do_not_mix(self, runs):
        with pytest.raises(UserError, match="in use by another run"), Runs(runs.root, "test", "compare").opened():
            pass

    def test_a_folder_with_other_content_is_left_alone(self, tmp_path):
        (tmp_path / "inputs").mkdir()
        with pytest.raises(UserError, match="there is something already"), Runs(tmp_path, "test", "compare").opened():
            pass

    def test_a_folder_of_another_command_is_left_alone(self, runs):
        with (
            pytest.raises(UserError, match="holds the runs of another command"),
            Runs(runs.root, "val", "study").opened(),
        ):
            pass

    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="--out"), Runs(tmp_path / "file" / "compare", "test", "compare").opened():
            pass


def test_only_validation_photos_flatter_a_calibrated_model(runs, planned):
    on_validation = Runs(runs.root, "val", "compare")
    folder = runs.folder(planned[1])
    folder.root.mkdir(parents=True)
    assert not on_validation.flattered(planned)
    for side in ("val", "test"):
        folder.uncalibrated(side).touch()
    assert on_validation.flattered(planned)
    assert not on_validation.flattered(planned[:1])
    assert not runs.flattered(planned)
