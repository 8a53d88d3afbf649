"""Trains the embedded default on drawn photos if there is no model, in a separate `multiskin fit` process."""

import atexit
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Literal

from multiskin.run import RunFolder

State = Literal["absent", "drawing", "learning", "stopped", "failed", "finished"]
SCHEMA = Path(__file__).parents[1] / "embedded" / "schema.yaml"
FIT = (sys.executable, "-m", "multiskin", "fit")
# Resumable after a stop, and without the evaluation on test photos, which the demo does not show.
OPTIONS = ("--ckpt_path", "last", "--trainer.every_n_train_steps", "50", "--test", "false")
EPOCH = re.compile(r"^epoch (\d+)/(\d+) .* left (?:(\d+) days?, )?(\d+):(\d\d):(\d\d)$", re.MULTILINE)
GRACE = 20  # seconds to finish writing after SIGTERM


@dataclass(frozen=True)
class Progress:
    """The progress of the training.

    Attributes:
        state: absent (never started), drawing (the photos), learning, stopped (can be resumed), failed or finished.
        share: the completed share of the learning, 0..1.
        left: the estimated time left; None while unknown.
        message: the last line of the log, if it failed.
    """

    state: State
    share: float = 0.0
    left: timedelta | None = None
    message: str = ""


class DefaultModel:
    """Trains the embedded default, once for all visitors.

    Args:
        folder: the folder for the run and its log.
        fit: the training command, without options.
    """

    def __init__(self, folder: Path, fit: Sequence[str] = FIT) -> None:
        self.run = RunFolder(folder / "default")
        self.log = folder / "default.log"
        self._fit = fit
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    @property
    def checkpoint(self) -> Path | None:
        """The checkpoint of the finished training; None before, since a better epoch may still come."""
        return self.run.best if "val" in self.run.results() and self.run.best.is_file() else None

    def start(self) -> None:
        """Starts or resumes the training, unless it is running or finished.

        Raises:
            OSError: the folder is not writable, or the disk is full.
        """
        with self._lock:
            if self._running or self.checkpoint:
                return
            self.log.parent.mkdir(parents=True, exist_ok=True)
            atexit.register(self.stop)  # otherwise the process would outlive the demo
            with self.log.open("wb") as log:
                self._process = subprocess.Popen(
                    [*self._fit, "--out", str(self.run.root), *OPTIONS],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=os.environ | {"PYTHONUNBUFFERED": "1"},
                )

    def stop(self) -> None:
        """Stops the training as Ctrl-C would; it can be resumed from its last checkpoint."""
        with self._lock:
            if self._process is None or not self._running:
                return
            self._process.terminate()
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    @property
    def _running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def progress(self) -> Progress:
        """The progress of the training, according to its log."""
        if self.checkpoint and not self._running:
            return Progress("finished", 1.0)
        if self._running:
            return self._under_way()
        if self._process is not None and self._process.returncode not in (-15, -9, 130, 143):
            return Progress("failed", message=self._last_line())
        return Progress("stopped" if self.run.root.exists() else "absent")

    def _under_way(self) -> Progress:
        if not self.run.config.is_file():  # it is written once all photos are drawn
            return Progress("drawing")
        epochs = EPOCH.findall(self._text())
        if not epochs:
            return Progress("learning")
        done, total, *clock = (int(number or 0) for number in epochs[-1])
        estimated = timedelta(**dict(zip(("days", "hours", "minutes", "seconds"), clock, strict=True)))
        elapsed = timedelta(seconds=max(time.time() - self.log.stat().st_mtime, 0))
        left = max(estimated - elapsed, timedelta())  # the log is updated only at the end of an epoch
        within_epoch = 1 - left / estimated if estimated else 1.0
        return Progress("learning", (done + within_epoch * (total - done)) / total, left)

    def _text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.is_file() else ""

    def _last_line(self) -> str:
        lines = self._text().strip().splitlines()
        return lines[-1] if lines else ""
