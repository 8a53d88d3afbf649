"""Where the rows of a collection go: whole parts, a record of what they are parts of, and the photos that failed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import dataset, parquet

from multiskin.collection.plan import Plan
from multiskin.errors import UserError
from multiskin.run import RunFolder, require_writable, whole, write_json


@dataclass(frozen=True)
class CollectionFolder:
    """The folder of one plan.

    A part is finished when its file is there: it is moved to its place once it is written. The record therefore lists
    no parts, since a list could contradict the files.
    """

    root: Path
    plan: Plan

    @property
    def record(self) -> Path:
        """What the parts are parts of, JSON; with `failed`, the number of photos without a grade, once all are done."""
        return self.root / "collection.json"

    @property
    def parts(self) -> Path:
        """The folder of nothing but parts, so that it can be read as one table."""
        return self.root / "parts"

    @property
    def failed(self) -> Path:
        """The photos without a grade, and why: path, reason."""
        return self.root / "failed.parquet"

    def part(self, number: int) -> Path:
        return self.parts / self.plan.file(number)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Begins or resumes the folder, and locks it against other processes meanwhile.

        Raises:
            UserError: it holds something else, is of other photos or of another model, or is in use.
        """
        with require_writable(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        self._require_ours()
        with RunFolder(self.root).locked():
            if self.record.is_file():
                self._require_same()
            else:
                write_json(self.record, self._content())
            self.parts.mkdir(exist_ok=True)
            for stray in self.parts.glob("*.part"):  # of a process that was killed while writing
                stray.unlink()
            yield

    def _require_ours(self) -> None:
        """Makes sure that it holds a collection, or at most the start of one that was stopped as it began."""
        others = {path.name for path in self.root.iterdir()} - {".lock", f"{self.record.name}.part"}
        if others and not self.record.is_file():
            found = min(others)
            raise UserError(f"--out {self.root}: holds {found} and no collection to resume; name another folder")

    def _require_same(self) -> None:
        had, now = self._recorded(), self._content()
        where = f"--out {self.root}: was begun with"
        if had.get("rows") != now["rows"]:
            raise UserError(f"{where} parts of {had.get('rows')} rows, not {now['rows']}; give that many to resume")
        for key, what in (
            ("photos", f"another list of photos, of {had.get('count')}, not {now['count']}"),
            ("model", "another model, other settings of it, or another version of multiskin"),
        ):
            if had.get(key) != now[key]:
                raise UserError(f"{where} {what}; give the same to resume, or name another folder")

    def _recorded(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.record.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{self.record}: cannot be read ({error}); name another folder with --out") from error

    def _content(self) -> dict[str, Any]:
        plan = self.plan
        return {"model": plan.model, "photos": plan.photos, "count": len(plan.names), "rows": plan.rows}

    def finished(self) -> set[int]:
        """The numbers of the finished parts; a damaged one is done again."""
        return {number for number in range(self.plan.parts) if self._is_whole(number)}

    def _is_whole(self, number: int) -> bool:
        try:
            return parquet.read_metadata(self.part(number)).num_rows == len(self.plan.names_of(number))
        except (OSError, pa.ArrowException):
            return False

    def write(self, number: int, rows: pa.Table) -> None:
        with whole(self.part(number)) as file:
            parquet.write_table(rows, file, compression="zstd")

    def finish(self) -> int:
        """Lists the photos that failed, and returns how many there are, once all parts are done."""
        files = [str(self.part(number)) for number in range(self.plan.parts)]
        reason = dataset.field("error")
        columns = {"path": dataset.field("image"), "reason": reason}
        rows = dataset.dataset(files).to_table(columns, filter=reason.is_valid())
        with whole(self.failed) as file:
            parquet.write_table(rows, file)
        write_json(self.record, self._content() | {"failed": len(rows)})
        return len(rows)
