"""Runs one training as a subprocess, logs its output, and says in words why it failed."""

import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

ERROR = "multiskin: error: "
TRACEBACK = "Traceback (most recent call last):"
STOPPED = (130, 143)  # exit statuses after Ctrl-C and SIGTERM
TAIL_LINES = 1000  # at the end of the output, searched for the reason of a failure
EPOCH = re.compile(r"epoch (\d+)/(\d+) ")  # printed by fit after each epoch


class FitProcess:
    """`multiskin fit` with a config file, resuming a run that was interrupted.

    Args:
        settings: the config file, which also names the run folder.
        log: the file that the output is appended to.
        threads: OMP_NUM_THREADS of the process; more threads than cores would slow each other down.
    """

    def __init__(self, settings: Path, log: Path, threads: str) -> None:
        self.settings = settings
        self.log = log
        self.environment = os.environ | {
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8:backslashreplace",
            "OMP_NUM_THREADS": threads,
        }
        self.process: subprocess.Popen[str] | None = None
        self.stopped = False
        self.start_lock = Lock()

    def run(self, on_epoch: Callable[[int, int], None]) -> str:
        """Trains to the end.

        Args:
            on_epoch: called after each epoch with (epochs done, epochs in total).

        Returns:
            Why training failed; "" on success.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.start_lock:
            if self.stopped:
                return "stopped before it started"
            self.process = self._start()
        with self.process:
            output = self._follow(self.process, on_epoch)
        reason = _reason(self.process.returncode, output)
        return f"{reason}; full output: {self.log}" if reason else ""

    def stop(self) -> None:
        """Terminates the process with SIGTERM, as a scheduler does, and waits; if not started yet, it never will be."""
        with self.start_lock:
            self.stopped = True
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    @property
    def killed(self) -> bool:
        """Whether the process was stopped from outside rather than failing by itself."""
        return self.process is not None and (self.process.returncode < 0 or self.process.returncode in STOPPED)

    def _start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "multiskin", "fit", "--config", str(self.settings), "--ckpt_path", "last"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",  # the file name of a photo may be in any encoding
        )

    def _follow(self, process: "subprocess.Popen[str]", on_epoch: Callable[[int, int], None]) -> Sequence[str]:
        """Logs the output of the process and returns its last lines."""
        last: deque[str] = deque(maxlen=TAIL_LINES)
        with self.log.open("a", encoding="utf-8") as file:
            for line in process.stdout or ():
                file.write(line)
                file.flush()
                last.append(line.rstrip())
                if epoch := EPOCH.match(line):
                    on_epoch(int(epoch[1]), int(epoch[2]))
        return last


def _reason(status: int, output: Sequence[str]) -> str:
    """Why a process failed, given its exit status and the last lines of its output; "" if it succeeded."""
    if status == 0:
        return ""
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return _error_line(output) or f"exit status {status}"


def _error_line(output: Sequence[str]) -> str:
    """The line that says why: our own last error, else the first line of the last exception, else the last line."""
    if errors := [line for line in output if line.startswith(ERROR)]:
        return errors[-1].removeprefix(ERROR)
    _, traced, after = "\n".join(output).rpartition(TRACEBACK)
    lines = [*filter(None, after.splitlines())]
    raised = [line for line in lines if traced and not line.startswith(" ")]
    return raised[0] if raised else lines[-1].strip() if lines else ""


def threads_each(at_once: int) -> str:
    """How many threads each of several parallel trainings gets: OMP_NUM_THREADS if set, else its share of the cores."""
    return os.environ.get("OMP_NUM_THREADS") or str(max(_cores() // at_once, 1))


def _cores() -> int:
    """The cores this process may use, which a container or a scheduler may limit."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
