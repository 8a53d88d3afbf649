"""The default model is trained by a process that can be watched, stopped and gone on with."""

import sys
import time
from datetime import timedelta

import pytest

from multiskin.serve.default_model import DefaultModel, Progress

# What `multiskin fit` leaves behind, as fast as files can be written: it goes on for as long as there is a file `wait`.
FIT = """
import pathlib, sys, time
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
print("started", " ".join(sys.argv[1:]), flush=True)
out.mkdir(parents=True, exist_ok=True)
wait = out.parent / "wait"
def pause(stage):
    (out.parent / "stage").write_text(stage)
    while wait.exists():
        time.sleep(0.01)
    wait.touch()
pause("drawing")
(out / "config.yaml").write_text("")
pause("first")
print("epoch 1/4  train/loss 1.2  val/mean/rps_balanced 0.1  left 0:30:00", flush=True)
(out / "checkpoints").mkdir(exist_ok=True)
(out / "checkpoints" / "best.ckpt").write_text("")
pause("second")
if (out.parent / "fail").exists():
    print("multiskin: error: no room")
    sys.exit(2)
(out / "metrics.json").write_text('{"val": {}}')
"""


@pytest.fixture
def model(tmp_path):
    (tmp_path / "wait").touch()
    made = DefaultModel(tmp_path, (sys.executable, "-c", FIT))
    yield made
    made.stop()


def until(reached) -> None:
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.01)


def go_on(folder, stage: str) -> None:
    """Lets the training go on, up to a stage."""
    (folder / "wait").unlink(missing_ok=True)
    at(folder, stage)


def at(folder, stage: str) -> None:
    until(lambda: (folder / "stage").is_file() and (folder / "stage").read_text() == stage)


def test_progress_is_told_from_nothing_to_the_finished_model(model, tmp_path):
    assert model.progress() == Progress("absent")
    model.start()
    model.start()  # one is enough
    at(tmp_path, "drawing")
    assert model.progress() == Progress("drawing")
    go_on(tmp_path, "first")
    assert model.progress() == Progress("learning")
    go_on(tmp_path, "second")
    told = model.progress()
    assert told.state == "learning"
    assert 0.25 <= told.share < 0.3
    assert timedelta(minutes=28) < told.left <= timedelta(minutes=30)
    assert model.checkpoint is None  # though one epoch is its best by now
    (tmp_path / "wait").unlink()
    until(lambda: model.progress().state == "finished")
    assert model.progress() == Progress("finished", 1.0)
    assert model.checkpoint == tmp_path / "default" / "checkpoints" / "best.ckpt"
    assert DefaultModel(tmp_path).progress().state == "finished"  # for the next demo in this folder, too


def test_it_can_be_stopped_and_gone_on_with(model, tmp_path):
    model.start()
    at(tmp_path, "drawing")
    model.stop()
    assert model.progress() == Progress("stopped")
    model.stop()  # nothing is left to stop
    (tmp_path / "stage").unlink()
    model.start()
    at(tmp_path, "drawing")
    assert model.progress().state == "drawing"
    [command] = [line for line in model.log.read_text().splitlines() if line.startswith("started")]
    assert "--ckpt_path last" in command


def test_a_failure_is_told_in_its_own_words(model, tmp_path):
    (tmp_path / "fail").touch()
    model.start()
    at(tmp_path, "drawing")
    go_on(tmp_path, "first")
    go_on(tmp_path, "second")
    (tmp_path / "wait").unlink()
    until(lambda: model.progress().state == "failed")
    assert model.progress().message == "multiskin: error: no room"


def test_the_options_are_those_of_the_command(tmp_path):
    """The real command takes them, and would train the embedded default."""
    from multiskin.cli.settings import fit_config
    from multiskin.serve.default_model import OPTIONS

    config, _ = fit_config("multiskin fit", "", ["--out", str(tmp_path / "default"), *OPTIONS])
    assert config.data.render is not None
    assert (config.ckpt_path, config.test) == ("last", False)
    assert config.trainer.every_n_train_steps == 50
