"""The run folder: the files that a training run writes."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from multiskin.errors import UserError

PRETRAINED = "model.safetensors"  # the weights in a folder for the Hugging Face Hub, which is not a run folder
ANEW = "remove this run's folder and start again"  # the remedy for a file that only another training can restore
RANKS = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")  # set by torchrun, SLURM and Lightning


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run's files; none is created by this class alone."""

    root: Path

    @classmethod
    def create(cls, path: str | Path) -> "RunFolder":
        """Creates a run folder.

        Raises:
            UserError: the folder is not empty, or cannot be created.
        """
        cls.require_free(path)
        root = Path(path)
        with require_writable(root):
            root.mkdir(parents=True, exist_ok=True)
        return cls(root)

    @staticmethod
    def require_free(path: str | Path) -> None:
        """Makes sure that a run would not overwrite anything.

        Raises:
            UserError: the path is a file or a folder that is not empty.
        """
        root = Path(path)
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise UserError(f"--out {root}: there is something already; name another folder or remove this one")

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """The folder of a finished or stopped run.

        Raises:
            UserError: no such folder, or it has no run.
        """
        run = cls(Path(path))
        if not run.config.is_file():
            raise UserError(f"{path}: no run here (no {run.config.name}); give the folder that 'fit' wrote with --out")
        return run

    @classmethod
    def checkpoint_at(cls, path: str | Path) -> Path:
        """The best checkpoint of a run folder; a folder for the Hub, or a file, is returned as it is.

        Raises:
            UserError: the folder has no run.
        """
        place = Path(path)
        is_run = place.is_dir() and not (place / PRETRAINED).is_file()
        return cls.open(path).best if is_run else place

    def require_ours(self) -> None:
        """Makes sure that the folder holds a run, or only the first files of a run that was stopped at its start.

        Raises:
            UserError: it holds something else.
        """
        first = {".lock", *(path.name for path in (self.schema, self.split, self.skipped))}
        others = [path.name for path in self.root.iterdir() if path.name not in first and path.suffix != ".part"]
        if others and not self.config.is_file():
            raise UserError(f"--out {self.root}: holds {others[0]} but no run to resume; name another folder")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the folder, so that only one process at a time works in it.

        Raises:
            UserError: another process has locked it, or it cannot be written to.
        """
        lock = FileLock(self.root / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            remedy = "wait until it has ended, or name another folder"
            raise UserError(f"{self.root}: in use by another run; {remedy}") from error
        except OSError as error:
            raise UserError(f"{self.root}: {error.strerror}; name a writable folder") from error
        try:
            yield
        finally:
            lock.release()

    def in_use(self) -> bool:
        """Whether another process has locked the folder; False if that cannot be found out."""
        try:
            with FileLock(self.root / ".lock", timeout=0):
                return False
        except Timeout:
            return True
        except OSError:
            return False

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def schema(self) -> Path:
        return self.root / "schema.yaml"

    @property
    def split(self) -> Path:
        return self.root / "split.csv"

    @property
    def skipped(self) -> Path:
        return self.root / "skipped.csv"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def best(self) -> Path:
        return self.checkpoints / "best.ckpt"

    @property
    def last(self) -> Path:
        return self.checkpoints / "last.ckpt"

    @property
    def curves(self) -> Path:
        """Every logged number by epoch, CSV."""
        return self.root / "logs" / "metrics.csv"

    @property
    def tracking(self) -> Path:
        """The run's ids in other loggers, JSON."""
        return self.root / "logs" / "tracking.json"

    @property
    def metrics(self) -> Path:
        """The results on validation and test, JSON."""
        return self.root / "metrics.json"

    def results(self) -> dict[str, Any]:
        """The results by name (val, test or a table); empty if they cannot be read, so that they are computed again."""
        if not self.metrics.is_file():
            return {}
        try:
            content = json.loads(self.metrics.read_text(encoding="utf-8"))
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    def measured(self, name: str) -> bool:
        """Whether the results of that name (val, test or a table) and their predictions exist."""
        return name in self.results() and self.predictions(name).is_file()

    def predictions(self, split: str) -> Path:
        return self.root / f"predictions_{split}.csv"

    def uncalibrated(self, split: str) -> Path:
        """The predictions of a calibrated model without its calibration."""
        return self.root / f"uncalibrated_{split}.csv"

    def persons(self, split: str) -> Path:
        """The predictions for each person from all of the person's photos."""
        return self.root / f"persons_{split}.csv"

    def classification(self, name: str) -> Path:
        """Precision, recall and F1 of every grade for the results of that name, CSV."""
        return self.root / f"classification_{name}.csv"

    def figure(self, name: str) -> Path:
        return self.root / "figures" / f"{name}.png"


def move_results(record: Path, files: Iterable[str]) -> Path:
    """Moves results to a subfolder named after the time when they were written, and returns its path.

    Args:
        record: the file that marks the results as complete; it is moved last.
        files: the other files, relative to the record's folder; missing ones are skipped.
    """
    written = datetime.fromtimestamp(record.stat().st_mtime, UTC)
    place = record.with_name(f"results-{written:%Y%m%d-%H%M%S}")
    place.mkdir(exist_ok=True)
    for name in (*files, record.name):
        found = record.parent / name
        if found.exists():
            (place / name).parent.mkdir(exist_ok=True)
            found.replace(place / name)
    return place


def first_process() -> bool:
    """Whether this is the only process of a run or its first one, which alone writes files."""
    return not any(int(os.environ.get(rank) or 0) for rank in RANKS)


@contextmanager
def require_writable(root: Path) -> Iterator[None]:
    """Turns an OSError into a UserError about the folder that --out names."""
    try:
        yield
    except OSError as error:
        raise UserError(f"--out {root}: {error.strerror}; name a writable folder") from error


def write_json(path: Path, content: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Writes a text file atomically: if interrupted, the old content stays."""
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path to write a file to; the file replaces `path` when the block ends without an error.

    Raises:
        OSError: with the path of the file, which the error of a full disk lacks.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)
