"""What a browser tab works on between two clicks: in memory, for a while, and found by nobody else."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock, Timer

from multiskin.serve.report import Photo, Report

MINUTES = 15  # without a click, after which photos are forgotten
MOST_DESKS = 2000  # the one unused for longest makes room; most of them are empty
MOST_PHOTOS = 8  # on one desk
MOST_IN_ALL = 256  # photos on all desks, 2 GB if each is as large as can be; the desk unused for longest is cleared

Key = tuple[str, str]  # whose session, and which of its tabs


@dataclass
class Desk:
    """The photos of one person and what was found in them.

    Attributes:
        photos: as they were graded.
        report: on all of them; None where there is none.
        saved: whether its owner has saved it.
        last_used: by the clock of all desks.
    """

    photos: list[Photo] = field(default_factory=list)
    report: Report | None = None
    saved: bool = False
    last_used: float = 0.0

    def put(self, photos: list[Photo], report: Report | None) -> None:
        """Takes everything else away."""
        self.photos, self.report, self.saved = photos, report, False


class Desks:
    """Every tab's desk. A tab's own name is no secret between sessions, so that both are asked for.

    Args:
        clock: seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._desks: dict[Key, Desk] = {}  # the one unused for longest first
        self._lock = Lock()
        self._timer: Timer | None = None

    def of(self, session: str, tab: str) -> Desk:
        """The desk of a session's tab, empty where there was none or it is forgotten."""
        with self._lock:
            self._forget()
            desk = self._desks.pop((session, tab), None) or Desk()
            desk.last_used = self._clock()
            self._make_room()
            self._desks[session, tab] = desk
            self._wind()
        return desk

    def close(self, session: str, tab: str) -> None:
        """Forgets the desk of a tab that was closed."""
        with self._lock:
            self._desks.pop((session, tab), None)

    def tidy(self) -> None:
        """Forgets what nobody came back to; done by itself once a minute, as long as there is any."""
        with self._lock:
            self._timer = None
            self._forget()
            self._wind()

    def _forget(self) -> None:
        before = self._clock() - 60 * MINUTES
        for key in [key for key, desk in self._desks.items() if desk.last_used < before]:
            del self._desks[key]

    def _make_room(self) -> None:
        """For a desk and its photos: whoever only looks around takes no photos away from others."""
        photos = MOST_PHOTOS + sum(len(desk.photos) for desk in self._desks.values())
        for key, desk in list(self._desks.items()):
            if photos > MOST_IN_ALL and desk.photos:
                photos -= len(desk.photos)
                del self._desks[key]
        while len(self._desks) >= MOST_DESKS:
            del self._desks[next(iter(self._desks))]

    def _wind(self) -> None:
        if self._desks and self._timer is None:
            self._timer = Timer(60, self.tidy)
            self._timer.daemon = True
            self._timer.start()

    def __len__(self) -> int:
        return len(self._desks)
