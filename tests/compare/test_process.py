"""A training as a subprocess, replaced here by a short script."""

import os
import sys

import pytest

from multiskin.compare.process import FitProcess, threads_each


@pytest.fixture
def process(tmp_path, faults):
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"out: {tmp_path / 'run-a'}\ntest: true\noptimizer:\n  lr: 0.1\n")
    return FitProcess(settings, tmp_path / "logs" / "run-a.log", "3")


def test_epochs_are_reported_and_output_is_logged(process, faults):
    told = []
    assert process.run(lambda *epoch: told.append(epoch)) == ""
    assert told == [(1, 2), (2, 2)]
    assert process.log.read_text().startswith("epoch 1/2  train/loss 1.0\n")
    assert (faults / "trained").read_text() == "run-a 3\n"
    assert not process.killed


def test_a_process_stopped_before_it_starts_never_starts(process, faults):
    process.stop()
    assert process.run(print) == "stopped before it started"
    assert not (faults / "trained").exists()


def test_undecodable_output_is_logged(process, faults):
    (faults / "a").write_bytes("gone: \udcff.jpg".encode("utf-8", "surrogateescape"))
    assert "gone: " in process.run(lambda *_: None)


TRACEBACK = """\
epoch 1/2  train/loss 1.0
Traceback (most recent call last):
  File "io.py", line 1, in load
    read()
    ^^^^^^
EOFError: half a file

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "fit.py", line 1, in fit
_pickle.UnpicklingError: Weights only load failed.
\t(1) Re-run with another option.

Check the documentation of the library.
"""


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("multiskin: error: the disk is full\nwarning: a worker is still there\n", "the disk is full"),
        (TRACEBACK, "_pickle.UnpicklingError: Weights only load failed."),
        ("Traceback (most recent call last):\n  File\n", "File"),
        ("no such command\n\n", "no such command"),
        ("", "exit status 1"),
    ],
)
def test_the_reason_is_the_line_with_the_error(said, reason, process, tmp_path, monkeypatch):
    fit = tmp_path / "failing"
    fit.write_text(f"#!/bin/sh\ncat <<'END'\n{said}END\nexit 1\n")
    fit.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fit))
    assert process.run(lambda *_: None) == f"{reason}; full output: {process.log}"


def test_a_killed_process_has_not_failed(process, faults):
    (faults / "a").write_text("die")
    assert process.run(lambda *_: None).startswith("killed by SIGKILL")
    assert process.killed


@pytest.mark.parametrize(("given", "expected"), [(None, "2"), ("4,2", "4,2")])
def test_threads_are_shared_out_unless_given(given, expected, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    monkeypatch.delenv("OMP_NUM_THREADS")
    if given:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert threads_each(3) == expected
