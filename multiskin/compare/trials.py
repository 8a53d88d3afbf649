"""The trials of a sweep are trained, each in a process and a run folder of its own."""

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from multiskin.compare.process import FitProcess, threads_each
from multiskin.compare.runs import Tell
from multiskin.compare.sweep import Sweep, Trial, trial_name

PARTS = 1000  # of a trial, in which progress is told


def train(sweep: Sweep, total: int, at_once: int, tell: Tell) -> dict[str, str]:
    """Trains trials until there are enough; what fails is named, and the others go on.

    One that was killed is left as it is, for another process or the next start to go on with.

    Args:
        sweep: the search.
        total: trials of all processes that are at work on it.
        at_once: how many this one trains at the same time; they share the cores.
        tell: called as the trials go on, with how many parts of all trials are done.

    Returns:
        Why trials failed or were killed, by name.
    """
    tally = _Tally(sweep, tell)
    failures: dict[str, str] = {}
    at_work: dict[Future[str], tuple[Trial, FitProcess]] = {}
    pool = ThreadPoolExecutor(at_once)
    try:
        while True:
            while len(at_work) < at_once and (trial := sweep.take(total)):
                process = FitProcess(sweep.write_settings(trial, at_once), trial.log, threads_each(at_once))
                at_work[pool.submit(tally.follow, trial, process)] = trial, process
            if not at_work:
                return failures
            for future in wait(at_work, return_when=FIRST_COMPLETED).done:
                trial, process = at_work[future]
                if reason := future.result():
                    failures[trial.name] = reason
                    if not process.killed:
                        sweep.fail(trial)
                else:
                    sweep.finish(trial)
                tally.finish(trial, reason)
                trial.lock.release()
                del at_work[future]
    finally:  # on an interrupt no process may be left behind, nor begin
        pool.shutdown(wait=False, cancel_futures=True)
        for trial, process in at_work.values():
            process.stop()
            trial.lock.release()


class _Tally:
    """Tells how the trials go on, and how much of all is done."""

    def __init__(self, sweep: Sweep, tell: Tell) -> None:
        self.sweep = sweep
        self.tell = tell
        self.finished = len(sweep.finished())  # by all processes
        self.shares: dict[int, float] = {}  # of what is at work here
        self._tell(f"{self.finished} trials are finished")

    def follow(self, trial: Trial, process: FitProcess) -> str:
        """Trains a trial; returns why it failed, or nothing."""
        if trial.run.measured("val"):  # before
            return ""
        options = ", ".join(f"{option} {_written(value)}" for option, value in trial.options.items())
        self._tell(f"{trial.name}: {options}")
        return process.run(lambda done, epochs: self._count(trial, done, epochs))

    def _count(self, trial: Trial, done: int, epochs: int) -> None:
        self.shares[trial.number] = done / epochs
        self._tell(f"{trial.name}: epoch {done}/{epochs}")

    def finish(self, trial: Trial, reason: str) -> None:
        finished = self.sweep.finished()
        self.finished = len(finished)
        self.shares.pop(trial.number, None)
        best = f"{finished[0].value:.4g} of {trial_name(finished[0].number)}" if finished else "none yet"
        self._tell(f"{trial.name}: {f'failed: {reason}' if reason else 'finished'}; the best is {best}")

    def _tell(self, what: str) -> None:
        self.tell(what, round(PARTS * (self.finished + sum(self.shares.values()))))


def _written(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
