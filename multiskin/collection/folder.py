"""The output folder of a collection: finished parts, a record of what was scored, and the photos that failed."""

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
from multiskin.run import RunFolder, atomic_path, require_writable, write_json


@dataclass(frozen=True)
class CollectionFolder:
    """The output folder of a plan.

    A part is finished if its file exists, since files are renamed to their final name only once they are complete. The
    record does not list the parts, since a list could contradict the files.
    """

    root: Path
    plan: Plan

    @property
    def record(self) -> Path:
        """JSON of the model and the photos that the parts are of; in the end also `failed`, the number of failures."""
        return self.root / "collection.json"

    @property
    def parts(self) -> Path:
        """The folder of the parts; it has no other files, so that it can be read as one table."""
        return self.root / "parts"

    @property
    def failed(self) -> Path:
        """The table of the photos that failed: path, reason."""
        return self.root / "failed.parquet"

    def part(self, number: int) -> Path:
        return self.parts / self.plan.file(number)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Creates or resumes the folder, and locks it against other processes.

        Raises:
            UserError: the folder has other content, is of other photos or of another model, or is in use.
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
            for incomplete in self.parts.glob("*.part"):  # of a process that was killed while writing
                incomplete.unlink()
            yield

    def _require_ours(self) -> None:
        """Makes sure that the folder is a collection, or empty apart from traces of one that was stopped at once."""
        others = {path.name for path in self.root.iterdir()} - {".lock", f"{self.record.name}.part"}
        if others and not self.record.is_file():
            found = min(others)
            raise UserError(f"--out {self.root}: has {found} but no collection to resume; name another folder")

    def _require_same(self) -> None:
        had, now = self._recorded(), self._content()
        where = f"--out {self.root}: was started with"
        if had.get("rows") != now["rows"]:
            rows = had.get("rows")
            raise UserError(f"{where} parts of {rows} rows, not {now['rows']}; give --part_rows {rows} to resume")
        for key, what in (
            ("photos", f"other photos: {had.get('count')}, where there are {now['count']} now"),
            ("model", "another model, other prediction options, or another version of multiskin"),
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
        """The numbers of the finished parts; damaged ones are scored again."""
        return {number for number in range(self.plan.parts) if self._is_complete(number)}

    def _is_complete(self, number: int) -> bool:
        try:
            return parquet.read_metadata(self.part(number)).num_rows == len(self.plan.names_of(number))
        except (OSError, pa.ArrowException):
            return False

    def write(self, number: int, rows: pa.Table) -> None:
        with atomic_path(self.part(number)) as file:
            parquet.write_table(rows, file, compression="zstd")

    def finish(self) -> int:
        """Writes the table of the photos that failed, once all parts are done, and returns their number."""
        files = [str(self.part(number)) for number in range(self.plan.parts)]
        reason = dataset.field("error")
        columns = {"path": dataset.field("image"), "reason": reason}
        rows = dataset.dataset(files).to_table(columns, filter=reason.is_valid())
        with atomic_path(self.failed) as file:
            parquet.write_table(rows, file)
        write_json(self.record, self._content() | {"failed": len(rows)})
        return len(rows)
