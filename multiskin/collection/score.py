"""Scores a collection part by part, without the parts that an earlier command finished."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from multiskin.collection.folder import CollectionFolder
from multiskin.collection.plan import Chunk, Key
from multiskin.collection.rows import from_csv
from multiskin.errors import UserError

CRASHED = "{}: every process that read or scored it died; check the file"
MAX_LOST = 100  # chunks given up since the processes died

# Yields the rows of chunks as CSV, in any order, and None for a chunk that was given up since the processes died.
Stream = Callable[[Sequence[Chunk]], Iterable[tuple[Key, str | None]]]


class Tally(NamedTuple):
    """The numbers of a collection's photos: all, those scored by this command, and those that failed."""

    photos: int
    now: int
    failed: int


def score_collection(
    folder: CollectionFolder,
    types: pa.Schema,
    size: int,
    connected: Callable[[], AbstractContextManager[Stream]],
    advance: Callable[[int, int], None],
) -> Tally:
    """Scores the parts that are not finished yet.

    A chunk that was given up is repeated photo by photo; a photo that is then given up has failed.

    Args:
        folder: the collection's folder.
        types: the types of its columns.
        size: photos per chunk.
        connected: a context manager for the stream that scores chunks; not called if all parts are finished.
        advance: called with (photos done, all photos) whenever rows arrive.

    Raises:
        UserError: the folder is that of another collection, or in use.
    """
    plan = folder.plan
    with folder.opened():
        done = folder.finished()
        chunks = [chunk for part in range(plan.parts) if part not in done for chunk in plan.chunks(part, size)]
        before = sum(len(plan.names_of(part)) for part in done)
        parts = Gathering(folder, types, before, advance)
        if chunks:
            with connected() as stream:
                parts.take_all(stream, chunks)
        return Tally(len(plan.names), len(plan.names) - before, folder.finish())


@dataclass
class Gathering:
    """Collects the rows of unfinished parts, and writes each part once its rows are complete."""

    folder: CollectionFolder
    types: pa.Schema
    done: int  # photos
    advance: Callable[[int, int], None]
    rows: dict[int, dict[int, pa.Table]] = field(default_factory=lambda: defaultdict(dict))  # by part and first row

    def take_all(self, stream: Stream, chunks: Sequence[Chunk]) -> None:
        """Adds the rows of all chunks; photos that were given up get rows with an error."""
        lost = self.take(stream, chunks)
        failed = self.take(stream, [single for chunk in lost for single in chunk.singles()])
        for chunk in failed:
            self.add(chunk, _crashed(chunk.names[0], self.types))

    def take(self, stream: Stream, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Adds the rows that a stream yields for chunks, and returns the chunks that were given up.

        Raises:
            UserError: more chunks were given up than can be explained by bad photos.
        """
        left = {chunk.key: chunk for chunk in chunks}
        lost = []
        for key, text in stream(chunks) if chunks else ():
            chunk = left.pop(key, None)
            if chunk is None:  # repeated, because the process died after it had finished the chunk
                continue
            if text is None:
                lost.append(chunk)
                _require_few(lost)
            else:
                self.add(chunk, from_csv(text, self.types))
        return lost

    def add(self, chunk: Chunk, rows: pa.Table) -> None:
        part = self.rows[chunk.part]
        part[chunk.first] = rows
        if sum(map(len, part.values())) == len(self.folder.plan.names_of(chunk.part)):
            self.folder.write(chunk.part, pa.concat_tables(part[first] for first in sorted(part)).combine_chunks())
            del self.rows[chunk.part]
        self.done += len(rows)
        self.advance(self.done, len(self.folder.plan.names))


def _require_few(lost: Sequence[Chunk]) -> None:
    if len(lost) > MAX_LOST:
        first = lost[0].names[0]
        remedy = "lower --num_workers or --batch_size; the same command resumes it"
        raise UserError(
            f"processes died on {len(lost)} batches, the first with {first}: most likely for lack of memory; {remedy}"
        )


def _crashed(name: str, types: pa.Schema) -> pa.Table:
    """The row of a photo that was given up."""
    return pa.Table.from_pylist([{"image": name, "error": CRASHED.format(name)}], schema=types)
