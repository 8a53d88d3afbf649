"""A temporary database of what an import has found, so that memory use does not grow with the number of labels."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

from multiskin.data.adapters.irregularities import BAD_NAME, UNREADABLE, Report
from multiskin.data.adapters.layout import Layout, Record
from multiskin.data.crops import Box
from multiskin.data.images import SUFFIXES

TABLES = """
CREATE TABLE file (path TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID;
CREATE TABLE picture (path TEXT PRIMARY KEY, name TEXT, size INTEGER) WITHOUT ROWID;
CREATE TABLE content (path TEXT PRIMARY KEY, digest BLOB) WITHOUT ROWID;
CREATE TABLE record (source TEXT, side TEXT, name TEXT, unit TEXT, box TEXT, grades TEXT, facts TEXT);
"""
# Pictures with identical content are represented by the first of their paths.
NAMES = """
CREATE INDEX content_digest ON content (digest, path);
CREATE TABLE named AS
  SELECT name, MIN(first) AS path, COUNT(DISTINCT first) AS pictures FROM (
    SELECT name, COALESCE((SELECT MIN(path) FROM content other WHERE other.digest = own.digest), picture.path) AS first
    FROM picture LEFT JOIN content own ON own.path = picture.path
  ) GROUP BY name;
CREATE UNIQUE INDEX named_name ON named (name);
"""
SAME_SIZE = """
SELECT path FROM picture WHERE size IN (SELECT size FROM picture GROUP BY size HAVING COUNT(*) > 1) ORDER BY path
"""
UNLABELLED = """
SELECT path FROM picture
WHERE name NOT IN (SELECT name FROM record) AND path NOT IN (SELECT path FROM file) ORDER BY path
"""
RECORDS = """
SELECT path, unit, pictures, source, side, name, box, grades, facts
FROM record LEFT JOIN named USING (name) ORDER BY path, unit, source
"""


class Found(NamedTuple):
    """A record with its source and its picture.

    Attributes:
        source: the path of the label file.
        side: the side of the split by its folder; "" if there is none.
        path: the path of the picture; None if there is none.
        pictures: the number of different pictures with its name.
        record: the content of the label.
    """

    source: str
    side: str
    path: str | None
    pictures: int
    record: Record


class Scratch:
    """A temporary SQLite database of label files, pictures and records."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    @classmethod
    @contextmanager
    def opened(cls, beside: Path) -> Iterator["Scratch"]:
        """A new database in a temporary subfolder of `beside`, which is removed afterwards."""
        with (
            TemporaryDirectory(prefix=".import-", dir=beside) as folder,
            closing(sqlite3.connect(Path(folder) / "scratch.sqlite", isolation_level=None)) as database,
        ):
            # Durability is not needed for a temporary database; sorting uses files instead of memory.
            for setting in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", "cache_size = -8000"):
                database.execute(f"PRAGMA {setting}")
            database.executescript(TABLES)
            yield cls(database)

    def scan(self, root: Path, layout: Layout, skip: Path, report: Report) -> None:
        """Lists all pictures and label files in a folder and its subfolders.

        Args:
            root: the folder.
            layout: defines the suffixes of label files and the keys of pictures.
            skip: a folder to skip.
            report: receives folders that cannot be read and file names that are not UTF-8.
        """
        with self.transaction():
            for path, size in _files(root, skip.resolve(), report):
                suffix = PurePosixPath(path).suffix.lower()
                if suffix not in (*SUFFIXES, *layout.labels):
                    continue
                if not _is_text(path):
                    report.add(ascii(path), BAD_NAME)
                    continue
                if suffix in layout.labels:
                    self._database.execute("INSERT INTO file VALUES (?, ?)", (path, size))
                if suffix in SUFFIXES:
                    name = layout.picture(PurePosixPath(path))
                    self._database.execute("INSERT INTO picture VALUES (?, ?, ?)", (path, name, size))

    def labels(self) -> Iterator[str]:
        """The label files, sorted."""
        return (path for (path,) in self._database.execute("SELECT path FROM file ORDER BY path"))

    def count(self) -> int:
        """The number of label files."""
        return int(self._database.execute("SELECT COUNT(*) FROM file").fetchone()[0])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Writes everything that is added within the block at once."""
        self._database.execute("BEGIN")
        yield
        self._database.execute("COMMIT")

    def add(self, source: str, side: str, record: Record) -> None:
        picture, unit, box, grades, facts = record
        content = (None if box is None else json.dumps(box), json.dumps(grades), json.dumps(facts))
        self._database.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)", (source, side, picture, unit, *content)
        )

    def unlabelled(self) -> Iterator[str]:
        """Pictures without a label, sorted."""
        return (path for (path,) in self._database.execute(UNLABELLED))

    def sides(self) -> set[str]:
        """The sides of the split that records are on; "" stands for records on none."""
        return {side for (side,) in self._database.execute("SELECT DISTINCT side FROM record")}

    def identify(self, root: Path) -> None:
        """Finds pictures with identical content; only files of equal size are read."""
        with self.transaction():
            for (path,) in self._database.execute(SAME_SIZE):
                if digest := _digest(root / path):
                    self._database.execute("INSERT INTO content VALUES (?, ?)", (path, digest))
        self._database.executescript(NAMES)

    def rows(self) -> Iterator[list[Found]]:
        """The records of each candidate row, which share picture and unit; a record without a picture is on its own."""
        lines = self._database.execute(RECORDS)
        for (path, _), group in groupby(lines, key=itemgetter(0, 1)):
            found = map(_found, group)
            yield from ([each] for each in found) if path is None else (list(found),)


def _found(line: tuple) -> Found:
    path, unit, pictures, source, side, name, box, grades, facts = line
    corners = None if box is None else Box(*json.loads(box))
    return Found(source, side, path, pictures or 0, Record(name, unit, corners, json.loads(grades), json.loads(facts)))


def _files(root: Path, skip: Path, report: Report) -> Iterator[tuple[str, int]]:
    """The path relative to root, with slashes, and the size of every file below it, without hidden files."""
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    path = Path(entry.path)
                    if entry.name.startswith("."):
                        continue
                    if entry.is_file():
                        yield path.relative_to(root).as_posix(), entry.stat().st_size
                    elif entry.is_dir(follow_symlinks=False) and path.resolve() != skip:
                        folders.append(path)
        except OSError as error:
            report.add(ascii(folder.relative_to(root).as_posix()), UNREADABLE, error.strerror or str(error))


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _digest(path: Path) -> bytes | None:
    """The digest of a file; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
    except OSError:
        return None
