"""A cache of pictures in memory that a process shares with its workers, freed when the last of them ends."""

import mmap
import multiprocessing
import os
import weakref
from multiprocessing.reduction import DupFd
from typing import Any

import numpy as np

BEING_WRITTEN = -1  # stored in place of the height
FIELDS = 3  # per row: offset of its pixels, height (0 if there is no picture) and width


def available() -> bool:
    """Whether the system has anonymous memory files that spawned processes can open too, as Linux has."""
    return hasattr(os, "memfd_create")


def memory_bytes() -> float:
    """The memory of this machine, or the limit of the container that the process runs in."""
    total = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    try:
        with open("/sys/fs/cgroup/memory.max") as file:
            return min(total, float(file.read()))
    except (OSError, ValueError):  # no container, or one without a limit
        return total


class MemoryStore:
    """Stores pictures in the order in which they come until its capacity is used up; memory is allocated as they come.

    The memory file has no name, so that it is freed however its processes end. It is not in /dev/shm, which is small in
    containers.

    Args:
        rows: number of rows of the table.
        room: capacity for pixels, in bytes.
    """

    def __init__(self, rows: int, room: int) -> None:
        self.rows = rows
        self.room = room
        self.lock = multiprocessing.Lock()
        fd = os.memfd_create("multiskin")  # type: ignore[attr-defined, unused-ignore]
        os.ftruncate(fd, self._header() + room)
        self._map(fd)

    def get(self, row: int) -> np.ndarray | None:
        start, height, width = self.index[1 + row].tolist()
        if height <= 0:
            return None
        size = height * width * 3
        return self.pixels[start : start + size].reshape(height, width, 3).copy()

    def put(self, row: int, picture: np.ndarray) -> None:
        height, width, _ = picture.shape
        with self.lock:  # also makes sure that all processes see the pixels before the height
            start = int(self.index[0, 0])
            if self.index[1 + row, 1] != 0 or start + picture.size > self.room:
                return
            self.index[0, 0] = start + picture.size
            self.index[1 + row] = (start, BEING_WRITTEN, width)
        self.pixels[start : start + picture.size] = picture.reshape(-1)
        with self.lock:
            self.index[1 + row, 1] = height

    def __getstate__(self) -> dict[str, Any]:
        """Passes the file descriptor, so that a spawned worker maps the same memory."""
        return {"rows": self.rows, "room": self.room, "lock": self.lock, "fd": DupFd(self.fd)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.rows, self.room, self.lock = state["rows"], state["room"], state["lock"]
        self._map(state["fd"].detach())

    def _header(self) -> int:
        return (1 + self.rows) * FIELDS * 8  # bytes; the first row holds the number of bytes used

    def _map(self, fd: int) -> None:
        self.fd = fd
        weakref.finalize(self, os.close, fd)
        memory = mmap.mmap(fd, self._header() + self.room)
        self.index = np.frombuffer(memory, np.int64, (1 + self.rows) * FIELDS).reshape(-1, FIELDS)  # (1 + N, 3)
        self.pixels = np.frombuffer(memory, np.uint8, offset=self._header())
