"""Counts how often work on a chunk has begun; without torch, so that the counting process starts at once."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

TRIES = 3  # attempts at a chunk before it is given up


class Begun:
    """Counts how often work on each chunk has begun, in a process of its own that outlives the workers.

    Ray Data repeats the work of a process that died without limit, even if the work itself was the cause.
    """

    def __init__(self) -> None:
        self.times: Counter[tuple[str, int, int]] = Counter()

    def too_often(self, work: str, place: Mapping[str, Any]) -> bool:
        """Counts an attempt at the work on a chunk, and returns whether there have been too many."""
        key = (work, place["part"], place["first"])
        self.times[key] += 1
        return self.times[key] > TRIES
