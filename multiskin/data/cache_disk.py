"""A disk cache of pictures, shared by all processes and runs; files are written atomically and checked when read."""

import json
import os
import shutil
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_cache_path

from multiskin.data.crops import parse_name
from multiskin.data.manifest import Manifest
from multiskin.run import write_json

VARIABLE = "MULTISKIN_CACHE"  # environment variable with the cache folder, which also holds rendered sets
HEADER = struct.Struct("<4sIII")  # magic bytes, height, width, and the pixels' checksum
MAGIC = b"msk1"
PREFIX = "pictures-"  # start of the name of a set's folder
ABANDONED = 3600  # seconds after which a partial file is assumed to be from a killed process


class DiskStore:
    """The pictures that one transform makes of one table.

    A picture's key is its photo's name, size and timestamps, so that a photo that has changed is read again.

    Args:
        manifest: the photos.
        settings: everything else that the pictures depend on, as JSON.
    """

    def __init__(self, manifest: Manifest, settings: dict[str, Any]) -> None:
        self.manifest = manifest
        settings = {"root": str(Path(manifest.root).resolve())} | settings
        self.settings = settings
        self.folder = cache_root() / f"{PREFIX}{_digest(json.dumps(settings, sort_keys=True))}"
        self.writable = True
        self.warned_of_damage = False

    def open(self) -> None:
        """Creates the folder, readable by its owner only, and marks it as used now.

        Raises:
            OSError: the folder cannot be written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_json(self.folder / "settings.json", self.settings)  # for people; its mtime is the time of last use
        for part in self.folder.glob("*/*.part"):
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > ABANDONED:
                    part.unlink()

    def get(self, row: int) -> np.ndarray | None:
        try:
            content = self._file(row).read_bytes()
        except OSError:
            return None
        picture = _unpacked(content)
        if picture is None and not self.warned_of_damage:
            self.warned_of_damage = True
            say(f"{self.folder}: a cached picture is damaged; its photo is read again")
        return picture

    def put(self, row: int, picture: np.ndarray) -> None:
        if not self.writable:
            return
        try:
            file = self._file(row)
            part = file.with_suffix(f".{os.getpid()}.part")
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                part.write_bytes(_packed(picture))
                part.replace(file)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            self.writable = False
            say(f"{self.folder}: {(error.strerror or str(error)).lower()}; no more pictures are cached there")

    def _file(self, row: int) -> Path:
        name = self.manifest.path(row)
        state = Path(parse_name(str(name))[0]).stat()
        key = _digest(f"{self.manifest.paths[row]}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ctime_ns}")
        return self.folder / key[:2] / f"{key[2:]}.rgb"


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()


def _packed(picture: np.ndarray) -> bytes:
    pixels = np.ascontiguousarray(picture)
    return HEADER.pack(MAGIC, *picture.shape[:2], zlib.crc32(pixels.data)) + pixels.tobytes()


def _unpacked(content: bytes) -> np.ndarray | None:
    """The picture in a file; None if the file is damaged or holds something else."""
    if len(content) < HEADER.size:
        return None
    magic, height, width, checksum = HEADER.unpack_from(content)
    pixels = np.frombuffer(content, np.uint8, offset=HEADER.size)
    whole = magic == MAGIC and pixels.size == height * width * 3 and zlib.crc32(pixels.data) == checksum
    return pixels.reshape(height, width, 3).copy() if whole else None


def cache_root() -> Path:
    return Path(os.environ.get(VARIABLE) or user_cache_path("multiskin")).expanduser().resolve()


def free_bytes() -> float:
    """The free space on the disk of the cache, counting the space of earlier sets as free."""
    place = cache_root()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free + sum(_size(folder) for folder in _sets())


def make_room(bound: float, own: list[Path]) -> None:
    """Removes the least recently used sets until the others take no more than `bound` bytes.

    A run that still uses a removed set reads its photos again.

    Args:
        bound: the limit for all sets except `own`.
        own: folders of the sets to keep.
    """
    others = [folder for folder in _sets() if folder not in own]
    taken = {folder: _size(folder) for folder in others}
    for folder in sorted(others, key=_used):
        if sum(taken.values()) <= bound:
            return
        shutil.rmtree(folder, ignore_errors=True)
        del taken[folder]


def _sets() -> list[Path]:
    return [folder for folder in cache_root().glob(f"{PREFIX}*") if folder.is_dir()]


def _used(folder: Path) -> float:
    with suppress(OSError):
        return (folder / "settings.json").stat().st_mtime
    return 0.0


def _size(folder: Path) -> int:
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    for file in folder.glob("*/*"):
        with suppress(OSError):  # already gone
            yield file.stat().st_size


def say(words: str) -> None:
    """Prints a warning; also works in a worker process, which cannot report one otherwise."""
    print(f"multiskin: warning: {words}", file=sys.stderr, flush=True)
