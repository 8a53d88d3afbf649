"""Runs training jobs in parallel, reports their progress, and stops all of them on an interrupt."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from multiskin.compare.process import FitProcess
from multiskin.run import RunFolder

OnProgress = Callable[[str, int], None]  # what has happened, and how much of the total work is done
STILL_RUNNING = (
    "another process is still training it, probably left over from a killed command; start again once it has ended"
)


@dataclass(frozen=True, eq=False)
class Job:
    """One training run, executed in its own process.

    Attributes:
        title: unique among the jobs.
        size: its share of the total work, in the caller's units.
        run: its folder.
        side: the split it is measured on at the end, val or test.
        process: the process that trains it.
        options: what distinguishes it, reported as it starts; "" if the title says enough.
    """

    title: str
    size: int
    run: RunFolder
    side: str
    process: FitProcess
    options: str

    def train(self, on_epoch: Callable[[int, int], None]) -> str:
        """Trains, unless that is already done.

        Args:
            on_epoch: called after each epoch with (epochs done, epochs in total).

        Returns:
            Why there is no result; "" on success.
        """
        if self.run.measured(self.side):
            return ""
        if self.run.root.is_dir() and self.run.in_use():
            return STILL_RUNNING
        reason = self.process.run(on_epoch)
        if reason or self.run.measured(self.side):
            return reason
        return f"ended without results on {self.side} photos; full output: {self.process.log}"

    def stop(self) -> None:
        self.process.stop()


AnyJob = TypeVar("AnyJob", bound=Job)


class Work(Protocol[AnyJob]):
    """A source of jobs that also records how they ended."""

    @property
    def done(self) -> int:
        """How much of the total work is done, not counting running jobs."""

    def take(self) -> AnyJob | None:
        """The next job; None if there is none at the moment."""

    def end(self, job: AnyJob, reason: str) -> str:
        """Records that a job has ended, with the reason if it failed, and returns a message that says so."""


class Pool(Generic[AnyJob]):
    """Runs jobs in parallel until none is left.

    Args:
        work: where the jobs come from.
        at_once: how many jobs run at the same time.
        on_progress: called with their progress.
    """

    def __init__(self, work: Work[AnyJob], at_once: int, on_progress: OnProgress) -> None:
        self.work = work
        self.at_once = at_once
        self.on_progress = on_progress
        self.shares: dict[str, int] = {}  # work done so far by each running job

    def train(self) -> dict[str, str]:
        """Runs all jobs; when one fails, the others continue.

        Returns:
            Why jobs failed, by title.
        """
        failures: dict[str, str] = {}
        at_work: dict[Future[str], AnyJob] = {}
        threads = ThreadPoolExecutor(self.at_once)
        try:
            while True:
                while len(at_work) < self.at_once and (job := self.work.take()):
                    at_work[threads.submit(self._follow, job)] = job
                if not at_work:
                    return failures
                for future in wait(at_work, return_when=FIRST_COMPLETED).done:
                    self._end(at_work[future], future.result(), failures)
                    del at_work[future]
        finally:  # an interrupt must leave no process running and start no further one
            threads.shutdown(wait=False, cancel_futures=True)
            for job in at_work.values():
                job.stop()

    def _follow(self, job: AnyJob) -> str:
        def count(done: int, epochs: int) -> None:
            self.shares[job.title] = round(job.size * done / epochs)
            self._report(job, f"epoch {done}/{epochs}")

        if job.options:
            self._report(job, job.options)
        return job.train(count)

    def _end(self, job: AnyJob, reason: str, failures: dict[str, str]) -> None:
        message = self.work.end(job, reason)
        self.shares.pop(job.title, None)
        if reason:
            failures[job.title] = reason
        self._report(job, message)

    def _report(self, job: AnyJob, event: str) -> None:
        self.on_progress(f"{job.title}: {event}", self.work.done + sum(self.shares.values()))
