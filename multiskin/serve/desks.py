"""What a browser tab works on between two clicks: in memory, for a while, and found by nobody else."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from secrets import token_urlsafe
from threading import Lock, Timer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiskin.serve.report import Photo, Report

MINUTES = 15  # without a click, after which photos are forgotten
MOST_DESKS = 2000  # the one unused for longest makes room; most of them are empty
MOST_PHOTOS = 8  # on one desk
MOST_IN_ALL = 256  # photos on all desks, 2 GB if each is as large as can be; the desk unused for longest is cleared

Key = tuple[str, str]  # whose session, and which of its tabs
ASIDE = ""  # in the place of a tab, none of which is called so: what is kept while its owner fills in a form


@dataclass
class Desk:
    """The photos of one person and what was found in them.

    Attributes:
        photos: as they were graded.
        report: on all of them; None where there is none.
        saved: whether its owner has saved it.
        last_used: by the clock of all desks.
        word: who has it may take over a desk that was set aside; none is needed any more where it is empty.
    """

    photos: "list[Photo]" = field(default_factory=list)
    report: "Report | None" = None
    saved: bool = False
    last_used: float = 0.0
    word: str = ""

    def put(self, photos: "list[Photo]", report: "Report | None") -> None:
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
        """The desk of a session's tab: what the session took over if it has none yet, and else an empty one."""
        with self._lock:
            self._forget()
            desk = self._desks.pop((session, tab), None) or self._taken_over(session) or Desk()
            desk.last_used = self._clock()
            self._make_room()
            self._desks[session, tab] = desk
            self._wind()
        return desk

    def close(self, session: str, tab: str) -> None:
        """Forgets the desk of a tab that was closed."""
        with self._lock:
            self._desks.pop((session, tab), None)

    def end(self, session: str) -> None:
        """Forgets all desks of a session that has ended."""
        with self._lock:
            for key in [key for key in self._desks if key[0] == session]:
                del self._desks[key]

    def set_aside(self, session: str, tab: str | None, word: str = "") -> str:
        """Keeps a copy of a report while its owner leaves the page to fill in a form.

        Args:
            session: whose report it is.
            tab: that shows it; None for the one that the session used last. Who had a guest's cookie planted shares the
                session with whoever did that, who does not know the tab.
            word: that was given for it already, which stays good.

        Returns:
            The word by which it can be taken over; an empty one where there is nothing to.
        """
        with self._lock:
            self._forget()
            before = self._desks.get((session, ASIDE))
            if before is not None and before.word and before.word == word:
                return word
            shown = self._shown(session, tab)
            if shown is None:
                return ""
            kept = replace(shown, last_used=self._clock(), word=token_urlsafe(16))
            self._desks[session, ASIDE] = kept
            return kept.word

    def take_over(self, word: str, before: str, after: str) -> None:
        """Gives what a session set aside, if this is the word for it, to the next tab of another session, once.

        A word alone opens nothing, and a session alone nothing either: another person may sit at the same browser.
        """
        with self._lock:
            desk = self._desks.get((before, ASIDE))
            if desk is not None and desk.word and desk.word == word:
                del self._desks[before, ASIDE]
                self._desks[after, ASIDE] = replace(desk, word="")

    def _shown(self, session: str, tab: str | None) -> Desk | None:
        """With a report, and of a tab that is open: what was set aside is of whoever has the word."""
        tabs = [each for whose, each in reversed(self._desks) if whose == session and each != ASIDE]
        desks = [self._desks[session, each] for each in tabs if tab in (None, each)]
        return next((desk for desk in desks if desk.report), None)

    def _taken_over(self, session: str) -> Desk | None:
        desk = self._desks.get((session, ASIDE))
        return None if desk is None or desk.word else self._desks.pop((session, ASIDE))

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
