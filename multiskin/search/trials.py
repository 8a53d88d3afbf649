"""Trains the trials of a sweep, each in its own process and run folder."""

from dataclasses import dataclass
from typing import Any

from multiskin.compare.pool import Job, OnProgress, Pool
from multiskin.compare.process import FitProcess, threads_each
from multiskin.compare.words import plural
from multiskin.search.sweep import Sweep, Trial, trial_name

PARTS = 1000  # of a trial, for reporting progress


def train(sweep: Sweep, total: int, at_once: int, on_progress: OnProgress) -> dict[str, str]:
    """Trains trials until there are enough; when one fails, the others continue.

    A killed trial is left as it is, so that another process or the next start can resume it.

    Args:
        sweep: the search.
        total: the number of trials of all processes that work on it.
        at_once: how many this process trains at the same time; they share the cores.
        on_progress: called with the trials' progress and how much of the total work is done.

    Returns:
        Why trials failed or were killed, by name.
    """
    trials = _Trials(sweep, total, at_once)
    on_progress(f"{trials.finished} {plural(trials.finished, 'trial')} finished", trials.done)
    return Pool(trials, at_once, on_progress).train()


@dataclass(frozen=True, eq=False)
class _TrialJob(Job):
    trial: Trial

    def stop(self) -> None:
        super().stop()
        self.trial.lock.release()


class _Trials:
    """Takes trials from a sweep until there are enough."""

    def __init__(self, sweep: Sweep, total: int, at_once: int) -> None:
        self.sweep = sweep
        self.total = total
        self.at_once = at_once
        self.finished = len(sweep.finished())  # by all processes

    @property
    def done(self) -> int:
        return PARTS * self.finished

    def take(self) -> _TrialJob | None:
        trial = self.sweep.take(self.total)
        if trial is None:
            return None
        process = FitProcess(self.sweep.write_settings(trial, self.at_once), trial.log, threads_each(self.at_once))
        options = ", ".join(f"{option} {_written(value)}" for option, value in trial.options.items())
        return _TrialJob(trial.name, PARTS, trial.run, "val", process, options, trial)

    def end(self, job: _TrialJob, reason: str) -> str:
        if not reason:
            self.sweep.finish(job.trial)
        elif not job.process.killed:
            self.sweep.fail(job.trial)
        job.trial.lock.release()
        finished = self.sweep.finished()
        self.finished = len(finished)
        best = f"{finished[0].value:.4g} of {trial_name(finished[0].number)}" if finished else "none yet"
        return f"{f'failed: {reason}' if reason else 'finished'}; the best is {best}"


def _written(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
