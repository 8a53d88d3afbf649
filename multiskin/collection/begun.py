"""How often work has begun; the process that counts needs no torch and starts at once."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

TRIES = 3  # of a chunk, each of which ends with its process


class Begun:
    """Counts how often work on each chunk has begun, in a process that does none of it and outlives those that do.

    Ray Data endlessly repeats the work of a process that died, including whatever the process died of.
    """

    def __init__(self) -> None:
        self.times: Counter[tuple[str, int, int]] = Counter()

    def too_often(self, work: str, place: Mapping[str, Any]) -> bool:
        """Whether work on the chunk in that place has already begun as often as allowed; if not, counts once more."""
        key = (work, place["part"], place["first"])
        self.times[key] += 1
        return self.times[key] > TRIES
