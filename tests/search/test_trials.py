"""Trials are trained in their own processes, replaced here by a short script."""

import multiprocessing
import os
import signal
import threading
import time

import pytest

from multiskin.config import FitConfig, TrainerConfig
from multiskin.search.space import Range
from multiskin.search.sweep import Sweep
from multiskin.search.trials import PARTS, train

SPACE = {"optimizer.lr": Range(1e-4, 1e-2, log=True, whole=False)}
FORKED = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


@pytest.fixture
def begin(tmp_path, data_config, photos):
    config = FitConfig(data=data_config, trainer=TrainerConfig(monitor="val/loss"))
    return lambda: Sweep(tmp_path / "sweep", config, photos, SPACE, "min")


@pytest.fixture
def worker(begin):
    """Starts the same sweep in another process."""

    def start():
        process = multiprocessing.get_context("fork").Process(target=lambda: train(begin(), 6, 1, quiet))
        process.start()
        return process

    return start


def quiet(what, parts):
    pass


def trained(faults):
    return [line.split() for line in (faults / "trained").read_text().splitlines()]


def wait_until_gone(path):
    while path.exists():
        time.sleep(0.02)


def states(sweep):
    return sweep.table()["state"].tolist()


@pytest.mark.slow
def test_each_trial_is_trained_once_until_there_are_enough(begin, faults):
    sweep = begin()
    assert train(sweep, 3, 2, quiet) == {}
    assert sorted(trained(faults)) == [["trial-0000", "3"], ["trial-0001", "3"], ["trial-0002", "3"]]
    assert sweep.table()["val/loss"].tolist() == sweep.table()["optimizer.lr"].tolist()
    assert train(begin(), 3, 1, quiet) == {}
    assert train(begin(), 4, 1, quiet) == {}
    assert [name for name, _ in trained(faults)[3:]] == ["trial-0003"]


def test_a_failed_trial_is_reported_and_the_others_continue(begin, faults):
    (faults / "trial-0001").write_text("the loss is not finite")
    sweep = begin()
    failures = train(sweep, 3, 1, quiet)
    assert list(failures) == ["trial-0001"]
    assert failures["trial-0001"].startswith("the loss is not finite; ")
    assert str(sweep.root / "runs" / "trial-0001.log") in failures["trial-0001"]
    assert states(sweep) == ["finished", "failed", "finished"]
    assert train(begin(), 3, 1, quiet) == {}
    assert states(sweep) == ["finished", "failed", "finished", "finished"]


def test_a_trial_that_exits_without_results_has_failed(begin, faults):
    (faults / "trial-0001").write_text("leave")
    sweep = begin()
    assert train(sweep, 2, 1, quiet)["trial-0001"].startswith("ended without results on val photos; ")
    assert states(sweep) == ["finished", "failed"]


def test_a_killed_trial_is_resumed_at_the_next_start(begin, faults):
    (faults / "trial-0000").write_text("die")
    sweep = begin()
    assert train(sweep, 2, 1, quiet)["trial-0000"].startswith("killed by SIGKILL; ")
    assert states(sweep) == ["unfinished", "finished"]
    (faults / "trial-0000").unlink()
    assert train(begin(), 2, 1, quiet) == {}
    assert [name for name, _ in trained(faults)] == ["trial-0001", "trial-0000"]
    assert states(sweep) == ["finished", "finished"]


def test_a_trained_but_unrecorded_trial_is_not_trained_again(begin, faults):
    sweep = begin()
    trial = sweep.take(1)
    trial.run.curves.parent.mkdir()
    trial.run.curves.write_text("epoch,val/loss\n0,0.25\n")
    trial.run.metrics.write_text('{"val": {}}')
    trial.run.predictions("val").touch()
    trial.lock.release()
    assert train(begin(), 1, 1, quiet) == {}
    assert sweep.table()["val/loss"].tolist() == [0.25]
    assert not (faults / "trained").exists()


def test_an_interrupt_leaves_no_process_behind(begin, faults):
    (faults / "trial-0001").write_text("wait")

    def interrupt():
        wait_until_gone(faults / "trial-0001")
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    sweep = begin()
    with pytest.raises(KeyboardInterrupt):
        train(sweep, 2, 1, quiet)
    with pytest.raises(ProcessLookupError):
        os.kill(int((faults / "pid").read_text()), 0)
    assert states(sweep) == ["finished", "unfinished"]
    assert train(begin(), 2, 1, quiet) == {}
    assert [name for name, _ in trained(faults)] == ["trial-0000", "trial-0001"]


def test_progress_counts_the_trials_of_all(begin, faults):
    told = []
    (faults / "trial-0001").write_text("no")
    train(begin(), 1, 1, quiet)
    train(begin(), 3, 1, lambda *what: told.append(what))
    assert told[0] == ("1 trial finished", PARTS)
    assert ("trial-0001: epoch 1/2", 1.5 * PARTS) in told
    assert told[-1][0].startswith("trial-0002: finished; the best is ")
    assert told[-1][1] == 2 * PARTS


@FORKED
@pytest.mark.slow
def test_processes_at_the_same_time_share_the_trials(worker, faults, begin):
    workers = [worker(), worker()]
    for process in workers:
        process.join()
    assert [process.exitcode for process in workers] == [0, 0]
    names = sorted(name for name, _ in trained(faults))
    assert names == [f"trial-{number:04}" for number in range(6)]
    assert states(begin()) == ["finished"] * 6


@FORKED
def test_the_trial_of_a_killed_process_is_resumed(worker, faults, begin):
    (faults / "trial-0001").write_text("wait")
    process = worker()
    wait_until_gone(faults / "trial-0001")
    process.kill()
    process.join()
    os.kill(int((faults / "pid").read_text()), signal.SIGKILL)
    assert train(begin(), 2, 1, quiet) == {}
    assert [name for name, _ in trained(faults)] == ["trial-0000", "trial-0001"]
