"""What an import has found so far, in a file: a hundred thousand labels take no more memory than ten."""

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
# A picture goes by the first path of its content, whatever it is called elsewhere.
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
        source: the label file.
        side: of the split, by its folder; "" where none is.
        path: the picture's; None where there is none.
        pictures: how many different ones have its name.
        record: what the label says.
    """

    source: str
    side: str
    path: str | None
    pictures: int
    record: Record


class Scratch:
    """An SQLite file of paths, pictures and records, gone when the import is done."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    @classmethod
    @contextmanager
    def opened(cls, beside: Path) -> Iterator["Scratch"]:
        """A new one in a folder, which is removed completely afterwards."""
        with (
            TemporaryDirectory(prefix=".import-", dir=beside) as folder,
            closing(sqlite3.connect(Path(folder) / "scratch.sqlite", isolation_level=None)) as database,
        ):
            # What a crash would spoil is made anew anyway; sorting goes to files and not to memory.
            for setting in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", "cache_size = -8000"):
                database.execute(f"PRAGMA {setting}")
            database.executescript(TABLES)
            yield cls(database)

    def scan(self, root: Path, layout: Layout, skip: Path, report: Report) -> None:
        """Lists all pictures and label files below a folder.

        Args:
            root: the folder.
            layout: which says what a label file is, and what a picture is known by.
            skip: a folder to skip.
            report: receives folders that cannot be read, and names that cannot be written.
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
        """Of label files."""
        return int(self._database.execute("SELECT COUNT(*) FROM file").fetchone()[0])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is kept within is written in one go."""
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
        """Of the split, among all records; "" for those on none."""
        return {side for (side,) in self._database.execute("SELECT DISTINCT side FROM record")}

    def identify(self, root: Path) -> None:
        """Finds pictures of the same bytes; only those of one size are read."""
        with self.transaction():
            for (path,) in self._database.execute(SAME_SIZE):
                if digest := _digest(root / path):
                    self._database.execute("INSERT INTO content VALUES (?, ?)", (path, digest))
        self._database.executescript(NAMES)

    def rows(self) -> Iterator[list[Found]]:
        """All records of each row that may be: of one picture and one unit of it, sorted; without a picture, each."""
        lines = self._database.execute(RECORDS)
        for (path, _), group in groupby(lines, key=itemgetter(0, 1)):
            found = map(_found, group)
            yield from ([each] for each in found) if path is None else (list(found),)


def _found(line: tuple) -> Found:
    path, unit, pictures, source, side, name, box, grades, facts = line
    corners = None if box is None else Box(*json.loads(box))
    return Found(source, side, path, pictures or 0, Record(name, unit, corners, json.loads(grades), json.loads(facts)))


def _files(root: Path, skip: Path, report: Report) -> Iterator[tuple[str, int]]:
    """The path from root, with slashes, and the size of every file below, without hidden files."""
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
    """The digest of a file; None if it cannot be read, so that it equals no other."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
    except OSError:
        return None
