"""What machines do to a run: it ends in one line and one exit status, keeps what is finished, and can be gone on with.

Real processes and real faults. The processes are forked from one that has imported everything, which would take longer
than all that they do.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import mkdtemp

import pandas as pd
import pytest
import torch
import yaml

from multiskin.config import Columns, DataConfig, FitConfig, ModelConfig, Recipe, TrainerConfig
from multiskin.data.photos import load_photos
from multiskin.run import RunFolder
from multiskin.training.fit import fit

resource = pytest.importorskip("resource", reason="file sizes are limited as Unix does it")
slow, processes = pytest.mark.slow, pytest.mark.processes

GO_ON = "the same command with --ckpt_path last resumes it\n"
ENDS = {
    signal.SIGINT: (130, f"multiskin: interrupted; {GO_ON}"),
    signal.SIGTERM: (143, f"multiskin: terminated; {GO_ON}"),
}
PATIENCE = 120  # seconds
IN_PROCESS = """
import multiprocessing, os, resource, sys
from multiskin.cli import main
multiprocessing.set_start_method(None, force=True)  # the default, and not the one that this process comes from
os.setsid()  # a group of its own, as a terminal gives one
for descriptor, file in enumerate(said, start=1):
    os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
sys.exit(main(arguments))
"""


@pytest.fixture(scope="module")
def config(graded_folder, tmp_path_factory):
    """Three epochs of ten steps, on photos that a test may remove for a while."""
    root = shutil.copytree(graded_folder, tmp_path_factory.mktemp("ours") / "photos")
    columns = Columns(subject="subject")
    return FitConfig(
        data=DataConfig(root=str(root), columns=columns, batch_size=3, num_workers=0, draws_per_epoch=30),
        model=ModelConfig("test_efficientnet", "none", 64),
        recipe=Recipe(augment=["HorizontalFlip"]),
        trainer=TrainerConfig(max_epochs=3, progress=False, accelerator="cpu"),
        test=False,
    )


@pytest.fixture(scope="module")
def arguments(config, schema, tmp_path_factory):
    """The arguments of the command that trains with this config."""
    folder = tmp_path_factory.mktemp("settings")
    schema.save(folder / "schema.yaml")
    (folder / "config.yaml").write_text(yaml.safe_dump(asdict(config) | {"schema": "schema.yaml"}))
    return ["fit", "--config", str(folder / "config.yaml")]


class Fitting:
    """A training run in a process that leads a process group."""

    def __init__(self, process, run, stderr):
        self.process = process
        self.run = run
        self.stderr = stderr

    def after_an_epoch(self):
        wait_until(lambda: self.run.last.is_file() or not self.process.is_alive())
        assert self.process.is_alive(), self.stderr.read_text()
        return self

    def stop(self, number):
        """Signals the process group, like a terminal or SLURM."""
        os.killpg(self.process.pid, number)

    def end(self):
        """Exit status and stderr; the process has to end by itself, and no process of its group may be left."""
        self.process.join(PATIENCE)
        status = self.process.exitcode
        wait_until(lambda: not group_lives(self.process.pid))
        return status, self.stderr.read_text()


@pytest.fixture(scope="module")
def start(arguments):
    """Starts 'multiskin fit' in a folder."""
    context = get_context("forkserver")
    rooms = ("cli", "training.fit", "inference.predictor", "reports.figures", "reports.page", "reports.record")
    context.set_forkserver_preload([f"multiskin.{room}" for room in rooms])

    def started(out, *options, largest_file=resource.RLIM_INFINITY):
        said = [f"{mkdtemp(dir=Path(arguments[-1]).parent)}/{name}" for name in ("stdout", "stderr")]
        command = [*arguments, "--out", *map(str, (out, *options))]
        known = {"arguments": command, "said": said, "largest_file": largest_file}
        process = context.Process(target=exec, args=(IN_PROCESS, known))
        process.start()
        return Fitting(process, RunFolder(out), Path(said[1]))

    return started


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def group_lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def ours(config, schema):
    return load_photos(config.data, schema)


@pytest.fixture(scope="module")
def whole(config, ours, tmp_path_factory):
    """A run that was not interrupted."""
    return fit(replace(config, out=str(tmp_path_factory.mktemp("whole") / "run")), ours)


@pytest.fixture(scope="module")
def assert_goes_on(config, ours, whole):
    """The files of a run are intact, and it can be resumed to end like one that was not interrupted."""

    def asserted(run):
        assert_whole(run, whole)
        assert not run.metrics.exists()  # nothing half trained was measured
        fit(replace(config, out=str(run.root), ckpt_path="last"), ours)
        assert_whole(run, whole)
        assert_same_weights(run, whole)

    return asserted


def assert_same_weights(run, whole):
    for name in ("best", "last"):
        weights, expected = (torch.load(getattr(each, name))["state_dict"] for each in (run, whole))
        assert all(torch.equal(weights[key], expected[key]) for key in expected)


def assert_whole(run, whole):
    """No file is truncated, and every finished epoch is logged."""
    assert not list(run.root.rglob("*.part"))
    if run.last.is_file():
        finished = slice(torch.load(run.last)["epoch"])  # by label, the last one included
        pd.testing.assert_frame_equal(curves(run).loc[finished], curves(whole).loc[finished])


def curves(run):
    """All logged numbers, one row per epoch."""
    return pd.read_csv(run.curves).drop(columns=["step", "train/seconds"]).groupby("epoch").first()


@processes
@pytest.mark.parametrize("stop", ENDS)
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_run_that_is_stopped_says_how_it_goes_on(stop, workers, start, tmp_path, assert_goes_on):
    fitting = start(tmp_path / "run", "--data.num_workers", workers).after_an_epoch()
    fitting.stop(stop)
    assert fitting.end() == ENDS[stop]
    assert_goes_on(fitting.run)


@slow
def test_stops_at_random_moments_change_nothing(start, tmp_path, whole):
    """Also while workers start and end, when Python may print that it ignores an interrupt."""
    chance, number = Random(0), 0
    for stops in range(30):
        fitting = start(tmp_path / f"{number}", "--data.num_workers", stops % 3, "--ckpt_path", "last")
        wait_until(fitting.stderr.exists)  # the command begins
        time.sleep(chance.uniform(0, 3))
        stop = chance.choice(list(ENDS))
        if group_lives(fitting.process.pid):
            fitting.stop(stop)
        status, said = fitting.end()
        assert status in (ENDS[stop][0], 0), said
        assert status == 0 or ENDS[stop][1].replace(" with --ckpt_path last", "") in said
        assert_whole(fitting.run, whole)
        number += status == 0  # it got through; the next one begins anew
    fitting = start(tmp_path / f"{number}", "--ckpt_path", "last")
    assert fitting.end() == (0, "")
    assert_same_weights(fitting.run, whole)
    assert_whole(fitting.run, whole)


STOPPED_LATE = """
import os, signal, sys
from multiprocessing.util import Finalize
from torch.utils.data import DataLoader
from multiskin import cli

batches = iter(DataLoader(range(1000), num_workers=1))
next(batches)
stop_worker = f"kill {batches._workers[0].pid}; sleep 0.2"
Finalize(None, os.system, args=(stop_worker,), exitpriority=0)  # while Python exits
sys.exit(cli._end_stopped([signal.SIGTERM], ""))
"""


@processes
def test_a_worker_that_ends_after_the_run_is_not_reported_as_lost():
    done = subprocess.run([sys.executable, "-c", STOPPED_LATE], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (143, "multiskin: terminated\n")


@slow
def test_the_program_is_interrupted_in_a_terminal(arguments, tmp_path, assert_goes_on):
    run = RunFolder(tmp_path / "run")
    command = [sys.executable, "-m", "multiskin", *arguments, "--out", run.root]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        wait_until(run.last.is_file)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr.read() == ENDS[signal.SIGINT][1]
    assert process.returncode == 130
    assert_goes_on(run)


# smaller than the split, the first curves and best.ckpt
@processes
@pytest.mark.parametrize("largest_file", [600, 1450, 1_000_000])
def test_a_file_that_has_no_room_is_named(largest_file, start, tmp_path, assert_goes_on):
    fitting = start(tmp_path / "run", largest_file=largest_file)
    status, said = fitting.end()
    assert status == 2
    assert said.startswith(f"multiskin: error: {fitting.run.root}/")
    assert said.endswith(f": File too large; free some space or choose another place; {GO_ON}")
    assert said.count("\n") == 1
    assert_goes_on(fitting.run)


@processes
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="Linux alone limits another process")
@pytest.mark.parametrize("largest_file", [1000, 1_000_000])
def test_what_an_earlier_epoch_left_stays_when_room_runs_out(largest_file, start, tmp_path, assert_goes_on):
    fitting = start(tmp_path / "run").after_an_epoch()
    resource.prlimit(fitting.process.pid, resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    assert fitting.end()[0] == 2
    assert torch.load(fitting.run.last)["epoch"] == 0
    assert_goes_on(fitting.run)


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a disk of a given size, or remounts it with other options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mounted(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place]
        if sys.platform != "linux" or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("needs the right to mount a disk")
        return place

    yield mounted
    subprocess.run(["umount", place], capture_output=True)


@processes
@pytest.mark.parametrize("size", ["4k", "12k", "100k", "2m", "3600k"])
def test_a_full_disk(size, small_disk, start, assert_goes_on):
    """The largest disk has room for the checkpoints, but not for a second copy of one."""
    fitting = start(small_disk(f"size={size}") / "run")
    status, said = fitting.end()
    assert status == 2
    assert said.startswith(f"multiskin: error: {fitting.run.root}/")
    assert said.endswith(f": No space left on device; free some space or choose another place; {GO_ON}")
    small_disk("remount,size=50m")
    assert_goes_on(fitting.run)


@processes
def test_a_folder_that_cannot_be_written(small_disk, start):
    out = small_disk("size=1m") / "run"
    out.mkdir()
    small_disk("remount,ro")
    fitting = start(out)
    assert fitting.end() == (
        2,
        f"multiskin: error: {out}: Read-only file system; name a writable folder\n",
    )
    assert list(out.iterdir()) == []


@processes
def test_a_worker_that_the_system_kills(start, tmp_path, assert_goes_on):
    fitting = start(tmp_path / "run", "--data.num_workers", 2).after_an_epoch()
    command = ["pgrep", "-P", str(fitting.process.pid)]
    workers = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    os.kill(int(workers[0]), signal.SIGKILL)
    status, said = fitting.end()
    assert status == 2, said
    *_, told = said.splitlines(keepends=True)  # another worker may complain of the connection that it lost
    at_work, between = "is gone (Connection reset by peer)", r"\(pid"  # of handing over photos
    assert re.match(rf"multiskin: error: DataLoader worker ({re.escape(at_work)}|{between})", told)
    assert told.endswith(f", most likely for lack of memory; lower num_workers; {GO_ON}")
    assert_goes_on(fitting.run)


@processes
@pytest.mark.parametrize("workers", [0, 2])
def test_a_photo_that_vanishes_between_epochs(workers, config, start, tmp_path, assert_goes_on):
    photo, elsewhere = Path(config.data.root) / "images" / "06.png", tmp_path / "06.png"
    fitting = start(tmp_path / "run", "--data.num_workers", workers).after_an_epoch()
    photo.rename(elsewhere)
    try:
        assert fitting.end() == (2, f"multiskin: error: {photo}: no such file or directory\n")
    finally:
        elsewhere.rename(photo)
    assert_goes_on(fitting.run)


@processes
def test_of_two_runs_into_one_folder_one_goes_on(start, tmp_path, whole):
    both = [start(tmp_path / "run"), start(tmp_path / "run")]
    (status, silence), (refused, said) = sorted(fitting.end() for fitting in both)
    assert (status, silence, refused) == (0, "", 2)
    assert f" {tmp_path / 'run'}: " in said
    assert said.endswith(("name another folder\n", "name another folder or remove this one\n"))
    assert_whole(both[0].run, whole)


@slow
def test_nobody_goes_on_with_a_run_that_is_at_work(start, tmp_path, whole):
    fitting = start(tmp_path / "run").after_an_epoch()
    other = start(tmp_path / "run", "--ckpt_path", "last")
    said = "in use by another run; wait until it has ended, or name another folder"
    assert other.end() == (2, f"multiskin: error: {tmp_path / 'run'}: {said}\n")
    assert fitting.end() == (0, "")
    assert_whole(fitting.run, whole)
