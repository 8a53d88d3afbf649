"""Settings of the memory allocator and the garbage collector; those of the allocator cannot be undone in a process."""

import ctypes
import gc
import os
import subprocess
import sys

import pytest

from multiskin.cli.allocator import GC_THRESHOLD, collect_rarely, keep_freed_memory

FAULTS = """
import resource, threading
from multiskin.cli.allocator import keep_freed_memory
assert not {keep} or keep_freed_memory()
import numpy as np
def steps():
    for _ in range(10):
        np.empty(40 * 2**20, dtype=np.uint8)[::4096] = 0  # a byte of each of 10,240 pages
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    {run}
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print([faults() for _ in range(4)][-1])
"""
IN_THREAD = "t = threading.Thread(target=steps); t.start(); t.join()"


@pytest.mark.parametrize("run", ["steps()", IN_THREAD], ids=["main", "thread"])
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="needs glibc")
@pytest.mark.slow
def test_repeated_tensors_need_no_new_pages(run: str) -> None:
    with_it, without = (faults(run, keep) for keep in (True, False))
    assert with_it < 0.3 * without  # not 0, since freed memory is reused only after some steps


def faults(run: str, keep: bool) -> int:
    script = FAULTS.format(run=run, keep=keep)
    environment = os.environ | {"NUMPY_MADVISE_HUGEPAGE": "0"}  # a huge page would be one fault
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    return int(done.stdout)


def test_nothing_is_done_on_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()


def test_nothing_is_done_with_other_c_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert not keep_freed_memory()


def test_garbage_is_collected_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    before = gc.get_threshold()
    try:
        collect_rarely()
        assert gc.get_threshold() == (GC_THRESHOLD, *before[1:])
    finally:
        gc.set_threshold(*before)


def test_every_command_does_both(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from multiskin import cli

    asked = []
    monkeypatch.setattr(cli, "keep_freed_memory", lambda: asked.append("memory"))
    monkeypatch.setattr(cli, "collect_rarely", lambda: asked.append("cycles"))
    assert cli.main(["no-such-command"]) == 2
    capsys.readouterr()
    assert asked == ["memory", "cycles"]
