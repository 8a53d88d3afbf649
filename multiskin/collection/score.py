"""Scores a collection part by part, or what is left of it where that was begun before."""

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

CRASHED = "{}: the process that read or scored it died each time; look at the file"
MOST_LOST = 100  # batches that processes died of again and again

# Gives the rows of chunks as CSV, in any order, and None for a chunk that processes died of.
Stream = Callable[[Sequence[Chunk]], Iterable[tuple[Key, str | None]]]


class Tally(NamedTuple):
    """The result for a collection: its photos, those scored now rather than before, and those without a grade."""

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

    A chunk that processes died of is done again photo by photo; a photo that they then die of has failed.

    Args:
        folder: of the collection.
        types: of its columns.
        size: photos per chunk.
        connected: starts and ends what scores chunks; not called where nothing is missing.
        advance: called with (photos done, photos) as rows come.

    Raises:
        UserError: the folder is not this collection's, or in use.
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
    """Holds the rows of parts in the making, and writes each part once all of its rows are there."""

    folder: CollectionFolder
    types: pa.Schema
    done: int  # photos
    advance: Callable[[int, int], None]
    rows: dict[int, dict[int, pa.Table]] = field(default_factory=lambda: defaultdict(dict))  # by part and first row

    def take_all(self, stream: Stream, chunks: Sequence[Chunk]) -> None:
        """Adds rows of all chunks; photos that processes died of get rows that say so."""
        lost = self.take(stream, chunks)
        hopeless = self.take(stream, [single for chunk in lost for single in chunk.singles()])
        for chunk in hopeless:
            self.add(chunk, _crashed(chunk.names[0], self.types))

    def take(self, stream: Stream, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Adds the rows that a stream gives for chunks, and returns the chunks that processes died of.

        Raises:
            UserError: these are too many for the photos to be the reason.
        """
        left = {chunk.key: chunk for chunk in chunks}
        lost = []
        for key, text in stream(chunks) if chunks else ():
            chunk = left.pop(key, None)
            if chunk is None:  # what a process did just before it died may come again
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
    if len(lost) > MOST_LOST:
        first = lost[0].names[0]
        remedy = "lower --num_workers or --batch_size; the same command resumes it"
        raise UserError(
            f"processes died of {len(lost)} batches, as of {first}: most likely for lack of memory; {remedy}"
        )


def _crashed(name: str, types: pa.Schema) -> pa.Table:
    """The row of a photo that no process survived."""
    return pa.Table.from_pylist([{"image": name, "error": CRASHED.format(name)}], schema=types)
