"""Trains planned runs, each in its own process and folder, and keeps those that are finished.

Each is an ordinary `multiskin fit` run whose config and table are under inputs/, so it can be repeated on its own.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from multiskin.compare.contents import short_digest, user_detector, user_teachers, user_weights
from multiskin.compare.inherited import find_teachers, reuse_training
from multiskin.compare.plan import PlannedRun
from multiskin.compare.pool import Job, OnProgress, Pool
from multiskin.compare.process import FitProcess, threads_each
from multiskin.data.workers import worker_count
from multiskin.documents import to_yaml
from multiskin.errors import UserError
from multiskin.run import RunFolder, require_writable, write_atomically

INPUTS = "inputs"
MARKER = ".multiskin"  # marks a folder as ours and names the command that made it


class Runs:
    """The runs of a comparison or study, under one folder.

    Args:
        root: the folder, which may hold earlier runs; those with other settings are never touched.
        side: the split that a finished run is measured on: test, or val while settings are still being chosen.
        command: compare, study or suspects; a folder belongs to one of them, as each would overwrite results of others.
    """

    def __init__(self, root: Path, side: str, command: str) -> None:
        self.root = root
        self.side = side
        self.command = command

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Locks the folder for this process, and creates it if necessary.

        Raises:
            UserError: another process is using it, it holds something else, or it cannot be written.
        """
        marker = self.root / MARKER
        if not marker.is_file():
            RunFolder.require_free(self.root)
        elif marker.read_text(encoding="utf-8") != self.command:
            raise UserError(f"--out {self.root}: holds the runs of another command; name another folder")
        with require_writable(self.root):
            (self.root / INPUTS).mkdir(parents=True, exist_ok=True)
            write_atomically(marker, self.command)
        with RunFolder(self.root).locked():
            yield

    def folder(self, run: PlannedRun) -> RunFolder:
        return RunFolder(self.root / "runs" / run.name)

    def log(self, run: PlannedRun) -> Path:
        """The output of a run's training."""
        return self.root / "runs" / f"{run.name}.log"

    def finished(self, run: PlannedRun) -> bool:
        """Whether a run is trained, and measured on the split asked for."""
        return self.folder(run).measured(self.side)

    def comparable(self, planned: Sequence[PlannedRun], reference: str) -> list[PlannedRun]:
        """The runs of models that have a finished run, since others may never get one; all if nothing else is left.

        Args:
            planned: the runs of all models.
            reference: the model that the others are compared with, which always stays.
        """
        models = {run.model for run in planned if self.finished(run)} | {reference}
        return [run for run in planned if run.model in models] if len(models) > 1 else list(planned)

    def flattered(self, planned: Sequence[PlannedRun]) -> bool:
        """Whether a model is measured on the photos that its calibration was fitted on."""
        return self.side == "val" and any(self.folder(run).uncalibrated(self.side).is_file() for run in planned)

    def train(self, planned: Sequence[PlannedRun], at_once: int, on_progress: OnProgress) -> dict[str, str]:
        """Trains the unfinished runs; when one fails, the others continue, and it can be retried next time.

        Args:
            planned: the runs.
            at_once: how many are trained at the same time; they share the cores.
            on_progress: called with the runs' progress and how much of the total work is done.

        Returns:
            Why runs failed, by title.
        """
        for run in planned:
            find_teachers(run, self.folder(run))
        work = _UnfinishedRuns(self, planned, at_once)
        on_progress(f"{len(work.waiting)} of {len(planned)} runs to train", work.done)
        failures = Pool(work, at_once, on_progress).train()
        return failures | {run.title: "a model that it learns from is not finished" for run in work.waiting}

    def settings_path(self, name: str) -> Path:
        """The config file of the run with this name."""
        return self.root / INPUTS / f"{name}.yaml"

    def write_settings(self, run: PlannedRun, at_once: int = 1) -> Path:
        """Writes the config file that a run is trained from, and the table and schema it names.

        Its paths are absolute or relative to itself, so that it can be used from any working directory.
        """
        inputs = self.root.resolve() / INPUTS
        text = run.table.to_csv(index=False)
        table = inputs / f"{run.stem}-{short_digest(text.encode())}.csv"
        weights, detector = user_weights(run.config), user_detector(run.config)
        schema, settings = inputs / f"{run.name}.schema.yaml", inputs / f"{run.name}.yaml"
        config = replace(
            run.config,
            schema=schema.name,
            out=str(self.folder(run).root.resolve()),
            data=replace(
                run.config.data,
                root=str(Path(run.config.data.root).resolve()),
                manifest=str(table),
                num_workers=worker_count(run.config.data.num_workers, at_once),
                skin=replace(run.config.data.skin, detector=str(detector.resolve()) if detector else None),
            ),
            model=replace(run.config.model, weights=str(weights.resolve()) if weights else run.config.model.weights),
            test=self.side == "test",
        )
        if config.distillation is not None:
            own = [str(path.resolve()) for path in user_teachers(run.config)]
            teachers = run.teacher_folders(self.folder(run).root.parent) or own
            config = replace(config, distillation=replace(config.distillation, teachers=teachers))
        write_atomically(table, text)
        run.schema.save(schema)
        write_atomically(settings, to_yaml(asdict(config)))
        return settings


class _UnfinishedRuns:
    """The jobs of all unfinished runs, in their order, but none before those of its teachers."""

    def __init__(self, runs: Runs, planned: Sequence[PlannedRun], at_once: int) -> None:
        self.runs = runs
        self.at_once = at_once
        self.waiting = [run for run in planned if not runs.finished(run)]
        self.done = sum(run.work for run in planned if run not in self.waiting)

    def take(self) -> Job | None:
        run = next((run for run in self.waiting if all(map(self.runs.finished, run.teachers))), None)
        if run is None:
            return None
        self.waiting.remove(run)
        process = FitProcess(
            self.runs.write_settings(run, self.at_once), self.runs.log(run), threads_each(self.at_once)
        )
        folder = self.runs.folder(run)
        trained = reuse_training(run, folder)
        options = f"reuses the training of {trained}" if trained else ""
        return Job(run.title, run.work, folder, self.runs.side, process, options)

    def end(self, job: Job, reason: str) -> str:
        self.done += job.size
        return f"failed: {reason}" if reason else "finished"
