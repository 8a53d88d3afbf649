"""What each browser tab works on between clicks: in memory only, for a limited time, and accessible to no one else."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from secrets import token_urlsafe
from threading import Lock, Timer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiskin.serve.report import Photo, Report

MINUTES = 15  # without a click, after which photos are forgotten
CLOSED = 10  # seconds until the desk of a tab that seems closed is forgotten
MOST_DESKS = 2000  # after which the least recently used one is dropped; most of them are empty
MOST_PHOTOS = 8  # on one desk
MOST_IN_ALL = 256  # photos on all desks, 2 GB if all have the maximum size; the least recently used desk is dropped

Key = tuple[str, str]  # session and tab
ASIDE = ""  # stands for the tab, in the key of a desk that is set aside while its owner fills in a form


@dataclass
class Desk:
    """The photos of one person and the report on them.

    Attributes:
        photos: the photos as graded.
        report: the report on all of them; None if there is none.
        saved: whether the report has been saved.
        last_used: time of last use, by the clock of `Desks`.
        word: the token for taking over a desk that was set aside; "" if none is needed.
        copied: whether a copy with this report was set aside.
    """

    photos: "list[Photo]" = field(default_factory=list)
    report: "Report | None" = None
    saved: bool = False
    last_used: float = 0.0
    word: str = ""
    copied: bool = False

    def put(self, photos: "list[Photo]", report: "Report | None") -> None:
        """Replaces the photos and the report."""
        self.photos, self.report, self.saved, self.copied = photos, report, False, False


class Desks:
    """The desks of all tabs, by session and tab, since the id of a tab alone is no secret.

    Args:
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._desks: dict[Key, Desk] = {}  # least recently used first
        self._lock = Lock()
        self._timer: Timer | None = None

    def of(self, session: str, tab: str) -> Desk:
        """The desk of a tab; a tab without one gets the desk that its session took over, or else an empty one."""
        with self._lock:
            self._forget()
            desk = self._desks.pop((session, tab), None) or self._taken_over(session) or Desk()
            desk.last_used = self._clock()
            self._make_room()
            self._desks[session, tab] = desk
            self._wind()
        return desk

    def close(self, session: str, tab: str) -> None:
        """Forgets the desk of a tab that seems closed.

        If no copy was set aside, it waits a little: pages may end before the form that they are left for is asked for,
        and a connection may break for a moment.
        """
        with self._lock:
            desk = self._desks.get((session, tab), Desk())
            if desk.copied:
                del self._desks[session, tab]
            else:
                desk.last_used = min(desk.last_used, self._clock() - 60 * MINUTES + CLOSED)

    def end(self, session: str) -> None:
        """Forgets all desks of a session that has ended."""
        with self._lock:
            for key in [key for key in self._desks if key[0] == session]:
                del self._desks[key]

    def set_aside(self, session: str, tab: str | None, word: str = "") -> str:
        """Keeps a copy of a desk with a report while its owner leaves the page to fill in a form.

        Args:
            session: the owner's session.
            tab: the tab that shows the report; None for the most recently used one. An attacker who plants a guest's
                cookie shares the victim's session, but does not know the tab.
            word: a token returned earlier; if it is still valid, it is returned again.

        Returns:
            The token for taking the desk over; "" if there is no report to set aside.
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
            self._desks[session, ASIDE], shown.copied = kept, True
            return kept.word

    def take_over(self, word: str, before: str, after: str) -> None:
        """Gives the desk that one session set aside to the next tab of another session, once.

        This takes both the token and the session: another person may use the same browser.
        """
        with self._lock:
            desk = self._desks.get((before, ASIDE))
            if desk is not None and desk.word and desk.word == word:
                del self._desks[before, ASIDE]
                self._desks[after, ASIDE] = replace(desk, word="")

    def _shown(self, session: str, tab: str | None) -> Desk | None:
        """The most recently used desk with a report, of this tab or any; never one that was set aside."""
        tabs = [each for whose, each in reversed(self._desks) if whose == session and each != ASIDE]
        desks = [self._desks[session, each] for each in tabs if tab in (None, each)]
        return next((desk for desk in desks if desk.report), None)

    def _taken_over(self, session: str) -> Desk | None:
        desk = self._desks.get((session, ASIDE))
        return None if desk is None or desk.word else self._desks.pop((session, ASIDE))

    def tidy(self) -> None:
        """Forgets expired desks; a timer calls it once a minute as long as there are desks."""
        with self._lock:
            self._timer = None
            self._forget()
            self._wind()

    def _forget(self) -> None:
        before = self._clock() - 60 * MINUTES
        for key in [key for key, desk in self._desks.items() if desk.last_used < before]:
            del self._desks[key]

    def _make_room(self) -> None:
        """Drops the least recently used desks until one more has room.

        Those with photos go only if there are too many photos, so that visitors without photos do not displace them.
        """
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
