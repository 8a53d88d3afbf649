"""Many trainings, so many of them at the same time: followed, told of, and all stopped on an interrupt."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from multiskin.compare.process import FitProcess
from multiskin.run import RunFolder

Tell = Callable[[str, int], None]  # what has happened, and how much of all is done
LEFT_BEHIND = (
    "another process is still at work on it, as a killed command leaves one behind; start again when it has ended"
)


@dataclass(frozen=True, eq=False)
class Job:
    """A training to do in a process of its own.

    Attributes:
        title: of it, among all.
        size: its part of all that there is to do.
        run: its folder.
        side: the photos that it is measured on in the end.
        process: what does it.
        options: what sets it apart, told as it begins; "" if its title does already.
    """

    title: str
    size: int
    run: RunFolder
    side: str
    process: FitProcess
    options: str

    def train(self, on_epoch: Callable[[int, int], None]) -> str:
        """Trains unless that is done, and tells why there is no result, or nothing.

        Args:
            on_epoch: called with (epochs done, epochs) after each.
        """
        if self.run.measured(self.side):
            return ""
        if self.run.root.is_dir() and self.run.in_use():
            return LEFT_BEHIND
        reason = self.process.run(on_epoch)
        if reason or self.run.measured(self.side):
            return reason
        return f"ended without results on {self.side} photos; all it said: {self.process.log}"

    def stop(self) -> None:
        self.process.stop()


AnyJob = TypeVar("AnyJob", bound=Job)


class Work(Protocol[AnyJob]):
    """Where jobs come from, and what becomes of them."""

    @property
    def done(self) -> int:
        """How much is done of all, jobs at work left out."""

    def take(self) -> AnyJob | None:
        """The next job; None if there is none for now."""

    def end(self, job: AnyJob, reason: str) -> str:
        """Keeps how a job has ended, with the reason if it failed, and says so."""


class Pool(Generic[AnyJob]):
    """Does all work.

    Args:
        work: what there is to do.
        at_once: how many jobs are done at the same time.
        tell: called as they go on.
    """

    def __init__(self, work: Work[AnyJob], at_once: int, tell: Tell) -> None:
        self.work = work
        self.at_once = at_once
        self.tell = tell
        self.shares: dict[str, int] = {}  # that are done of jobs at work

    def train(self) -> dict[str, str]:
        """Does one job after the other until there is none; what fails is named, and the others go on.

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
        finally:  # on an interrupt no process may be left behind, nor begin
            threads.shutdown(wait=False, cancel_futures=True)
            for job in at_work.values():
                job.stop()

    def _follow(self, job: AnyJob) -> str:
        def count(done: int, epochs: int) -> None:
            self.shares[job.title] = round(job.size * done / epochs)
            self._tell(job, f"epoch {done}/{epochs}")

        if job.options:
            self._tell(job, job.options)
        return job.train(count)

    def _end(self, job: AnyJob, reason: str, failures: dict[str, str]) -> None:
        said = self.work.end(job, reason)
        self.shares.pop(job.title, None)
        if reason:
            failures[job.title] = reason
        self._tell(job, said)

    def _tell(self, job: AnyJob, what: str) -> None:
        self.tell(f"{job.title}: {what}", self.work.done + sum(self.shares.values()))
