"""One training run as a process of its own: what it says is kept, and how it ends is told in words."""

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
LINES = 1000  # at the end of what is said, among which the reason is looked for
EPOCH = re.compile(r"epoch (\d+)/(\d+) ")  # what fit prints at the end of each


class FitProcess:
    """`multiskin fit` with a file of settings, which goes on where an earlier one was stopped.

    Args:
        settings: the file, which says where the run goes.
        log: where all that it says is added.
        threads: of the process; more threads than cores would wait for each other.
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
        self.beginning = Lock()

    def run(self, on_epoch: Callable[[int, int], None]) -> str:
        """Trains to the end, and tells why that was not possible, or nothing.

        Args:
            on_epoch: called with (epochs done, epochs) after each.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.beginning:
            if self.stopped:
                return "stopped before it began"
            self.process = self._begin()
        with self.process:
            said = self._follow(self.process, on_epoch)
        reason = _reason(self.process.returncode, said)
        return f"{reason}; all it said: {self.log}" if reason else ""

    def stop(self) -> None:
        """Ends it as a scheduler does, and waits; one that has not begun never will."""
        with self.beginning:
            self.stopped = True
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    @property
    def killed(self) -> bool:
        """Whether it was stopped, by whomever, and did not fail by itself."""
        return self.process is not None and (self.process.returncode < 0 or self.process.returncode in STOPPED)

    def _begin(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "multiskin", "fit", "--config", str(self.settings), "--ckpt_path", "last"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",  # the name of a photo may be in any encoding
        )

    def _follow(self, process: "subprocess.Popen[str]", on_epoch: Callable[[int, int], None]) -> Sequence[str]:
        """Keeps what the process says, and returns the last lines of it."""
        last: deque[str] = deque(maxlen=LINES)
        with self.log.open("a", encoding="utf-8") as file:
            for line in process.stdout or ():
                file.write(line)
                file.flush()
                last.append(line.rstrip())
                if epoch := EPOCH.match(line):
                    on_epoch(int(epoch[1]), int(epoch[2]))
        return last


def _reason(status: int, said: Sequence[str]) -> str:
    """Why a process ended, given the last lines that it said; nothing if all is well."""
    if status == 0:
        return ""
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return _telling(said) or f"exit status {status}"


def _telling(said: Sequence[str]) -> str:
    """The line that says why: of our own errors, else of an exception, whose words may be many, else the last one."""
    if errors := [line for line in said if line.startswith(ERROR)]:
        return errors[-1].removeprefix(ERROR)
    _, traced, after = "\n".join(said).rpartition(TRACEBACK)
    lines = [*filter(None, after.splitlines())]
    raised = [line for line in lines if traced and not line.startswith(" ")]
    return raised[0] if raised else lines[-1].strip() if lines else ""


def threads_each(at_once: int) -> str:
    """Of each of several trainings at once, which share the cores, unless the user has said how many."""
    return os.environ.get("OMP_NUM_THREADS") or str(max(_cores() // at_once, 1))


def _cores() -> int:
    """Those that this process may use, which a container or a scheduler may have limited."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
