"""The run folder: what a training run leaves behind, and where."""

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

PRETRAINED = "model.safetensors"  # the weights in a folder for the hub, which is no run
ANEW = "remove this run's folder and start again"  # what mends a file that nothing but another training brings back
RANKS = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")  # as torchrun, SLURM and Lightning set them


@dataclass(frozen=True)
class RunFolder:
    """Names the files of a run; makes nothing by itself."""

    root: Path

    @classmethod
    def create(cls, path: str | Path) -> "RunFolder":
        """A fresh run folder.

        Raises:
            UserError: the folder holds something already, or cannot be made.
        """
        cls.require_free(path)
        root = Path(path)
        with require_writable(root):
            root.mkdir(parents=True, exist_ok=True)
        return cls(root)

    @staticmethod
    def require_free(path: str | Path) -> None:
        """Makes sure that a run would overwrite nothing.

        Raises:
            UserError: there is something.
        """
        root = Path(path)
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise UserError(f"--out {root}: there is something already; name another folder or remove this one")

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """The folder of a finished or stopped run.

        Raises:
            UserError: no such folder, or no run in it.
        """
        run = cls(Path(path))
        if not run.config.is_file():
            raise UserError(f"{path}: no run here (no {run.config.name}); give the folder that 'fit' wrote with --out")
        return run

    @classmethod
    def checkpoint_at(cls, path: str | Path) -> Path:
        """The best checkpoint of a run folder; a folder for the hub or any other path is taken for one itself.

        Raises:
            UserError: a folder without a run.
        """
        place = Path(path)
        is_run = place.is_dir() and not (place / PRETRAINED).is_file()
        return cls.open(path).best if is_run else place

    def require_ours(self) -> None:
        """Makes sure that the folder holds a run, or no more than one that was stopped while it began.

        Raises:
            UserError: it holds something else.
        """
        begun = {".lock", *(path.name for path in (self.schema, self.split, self.skipped))}
        others = [path.name for path in self.root.iterdir() if path.name not in begun and path.suffix != ".part"]
        if others and not self.config.is_file():
            raise UserError(f"--out {self.root}: holds {others[0]} and no run to go on with; name another folder")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps the folder for one run, as long as its process lives.

        Raises:
            UserError: another one has it, or nothing can be written there.
        """
        lock = FileLock(self.root / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            remedy = "wait until it has ended, or name another folder"
            raise UserError(f"{self.root}: another run is at work there; {remedy}") from error
        except OSError as error:
            raise UserError(f"{self.root}: {error.strerror}; name a folder that can be written") from error
        try:
            yield
        finally:
            lock.release()

    def in_use(self) -> bool:
        """Whether another process keeps the folder; where nothing can be written, none is known to."""
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
        """What each other logger calls the run, JSON."""
        return self.root / "logs" / "tracking.json"

    @property
    def metrics(self) -> Path:
        """The results on validation and test, JSON."""
        return self.root / "metrics.json"

    def results(self) -> dict[str, Any]:
        """What has been measured, by its name; nothing where it cannot be read, so that it is measured again."""
        if not self.metrics.is_file():
            return {}
        try:
            content = json.loads(self.metrics.read_text(encoding="utf-8"))
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    def measured(self, name: str) -> bool:
        """Whether the results on val, test or a table are there, and with them its predictions."""
        return name in self.results() and self.predictions(name).is_file()

    def predictions(self, split: str) -> Path:
        return self.root / f"predictions_{split}.csv"

    def uncalibrated(self, split: str) -> Path:
        """The predictions without calibration, of a model that is calibrated."""
        return self.root / f"uncalibrated_{split}.csv"

    def persons(self, split: str) -> Path:
        """What is predicted of all photos of a person together, where there are several."""
        return self.root / f"persons_{split}.csv"

    def classification(self, name: str) -> Path:
        """Precision, recall and F1 of every grade, of what was measured by that name, CSV."""
        return self.root / f"classification_{name}.csv"

    def figure(self, name: str) -> Path:
        return self.root / "figures" / f"{name}.png"


def move_results(record: Path, files: Iterable[str]) -> Path:
    """Moves results to a folder of their own beside them, named by when they were written, and returns it.

    Args:
        record: what says that there are results; it goes last.
        files: their names, from the record's folder; those that are not there are passed over.
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
    """Whether this process is the only one of a run, or the first, which alone writes; launchers tell each its rank."""
    return not any(int(os.environ.get(rank) or 0) for rank in RANKS)


@contextmanager
def require_writable(root: Path) -> Iterator[None]:
    """Raises a UserError in place of an OSError, for a folder that --out names and nothing can be written to."""
    try:
        yield
    except OSError as error:
        raise UserError(f"--out {root}: {error.strerror}; name a folder that can be written") from error


def write_json(path: Path, content: dict[str, Any]) -> None:
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Writes a text; a stop leaves it whole, or what was there before."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name beside a file's own to write it under; it is moved to its place once it is written.

    Raises:
        OSError: with the name of the file, which that of a full disk has not by itself.
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
