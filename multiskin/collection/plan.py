"""Divides a collection into parts and chunks, always in the same way."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from multiskin import __version__
from multiskin.errors import UserError

DIGEST_LENGTH = 12  # characters of a digest in a file name

Key = tuple[int, int]  # a chunk's part, and its first row in that part


class Chunk(NamedTuple):
    """Photos that are read and scored together: rows of a part, from row `first` on."""

    part: int
    first: int
    names: Sequence[str]

    @property
    def key(self) -> Key:
        return self.part, self.first

    def singles(self) -> "Iterator[Chunk]":
        """Its photos as chunks of one photo each."""
        for row, name in enumerate(self.names, start=self.first):
            yield Chunk(self.part, row, [name])


@dataclass(frozen=True)
class Plan:
    """A collection divided into parts.

    Attributes:
        names: the names of its photos, sorted and unique.
        rows: photos per part; the last one may have fewer.
        model: a digest of everything that affects the predictions for a photo.
    """

    names: Sequence[str]
    rows: int
    model: str

    @classmethod
    def of(cls, paths: Iterable[str | Path], rows: int, model: str) -> "Plan":
        """The plan for these photos, which does not depend on their order or on repetitions.

        Raises:
            UserError: a name that cannot be written to a table.
        """
        names = sorted({str(path) for path in paths})
        for name in names:
            if not _is_text(name):
                raise UserError(f"{name!r}: its name is not UTF-8 and cannot be written to a table; rename the file")
        return cls(names, rows, model)

    @property
    def parts(self) -> int:
        return -(-len(self.names) // self.rows)

    def names_of(self, part: int) -> Sequence[str]:
        return self.names[part * self.rows : (part + 1) * self.rows]

    def chunks(self, part: int, size: int) -> Iterator[Chunk]:
        """A part in chunks of `size` photos; the last one may have fewer."""
        names = self.names_of(part)
        for first in range(0, len(names), size):
            yield Chunk(part, first, names[first : first + size])

    def file(self, part: int) -> str:
        """A part's file name, unique for its number, its photos and the model."""
        return f"part-{part:06}-{_digest(self.names_of(part), self.model)[:DIGEST_LENGTH]}.parquet"

    @cached_property
    def photos(self) -> str:
        """A digest of the list of photos."""
        return _digest(self.names)


def model_digest(model: Path, settings: Mapping[str, Any]) -> str:
    """A digest of everything that affects the predictions for a photo: model files, options, and multiskin's version.

    Args:
        model: a checkpoint, or a folder for the hub.
        settings: what is asked of it.

    Raises:
        UserError: no such file.
    """
    content = hashlib.sha256(json.dumps([settings, __version__], sort_keys=True).encode())
    try:
        for path in sorted(model.iterdir()) if model.is_dir() else [model]:
            with path.open("rb") as file:
                content.update(hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        raise UserError(f"model {model}: {error.strerror}; give a run folder or one of its checkpoints") from error
    return content.hexdigest()


def _is_text(name: str) -> bool:
    """Whether a file name, which may consist of any bytes, is UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _digest(names: Iterable[str], salt: str = "") -> str:
    """A digest of names and their absolute paths, since a relative name is another file in another folder."""
    digest = hashlib.sha256(salt.encode())
    for name in names:
        digest.update(f"\0{name}\0{os.path.abspath(name)}".encode())
    return digest.hexdigest()
