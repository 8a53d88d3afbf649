"""The saved results of each account over time."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from io import BytesIO, StringIO
from typing import Any, NamedTuple, Protocol
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from PIL import Image
from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.orm import Session

from multiskin.serve.store import Account, KeptPhoto, RecordError, Result, Score, Store, utc_now

OLDEST = 120  # years
SEXES = ("female", "male", "other")
MOST_RESULTS = 1000  # per account: one a day for almost three years, but not enough to fill the disk
MOST_KEPT = 500_000_000  # bytes of photos per account: about a thousand photos, and their export fits in memory
JPEG_QUALITY = 92

COLUMNS = ("result", "when", "model", "age", "sex", "attribute", "grade", "score", "confidence")  # of results.csv


class HistoryError(RecordError):
    """A result that cannot be saved."""


class AgeError(HistoryError):
    code = "age_invalid"
    message = f"an age is a whole number of years from 0 to {OLDEST}; correct it or leave it out"


class SexError(HistoryError):
    code = "sex_invalid"
    message = f"sex is one of {', '.join(SEXES)}; choose one or leave it out"


class HistoryFullError(HistoryError):
    code = "history_full"
    message = (
        f"the history is full: it holds at most {MOST_RESULTS} results and {MOST_KEPT // 1_000_000} MB of photos; "
        "export it, and delete old results"
    )


class Photo(Protocol):
    """A photo as it was graded."""

    @property
    def pixels(self) -> np.ndarray: ...  # (h, w, 3) uint8, RGB

    @property
    def part(self) -> str | None: ...


class Point(NamedTuple):
    """One result in the trend of an attribute."""

    when: datetime
    score: float | None  # None if grades have no order
    grade: int
    model: str


class History:
    """The saved results of all accounts; thread-safe. Every method accesses the results of one account only.

    Args:
        store: the database.
        clock: returns the current time.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._clock = clock

    def save(
        self,
        account_id: int,
        report: Mapping[str, Any],
        age: int | None = None,
        sex: str | None = None,
        photos: Sequence[Photo] | None = None,
    ) -> int:
        """Saves a report, and besides it only what the person consented to.

        Args:
            account_id: the account to save it to.
            report: as returned by the engine, never as sent back by a browser.
            age: in years; None without consent.
            sex: one of SEXES; None without consent.
            photos: the photos to keep, re-encoded and thus without metadata; None without consent.

        Returns:
            The result's id.

        Raises:
            HistoryError: AgeError, SexError or HistoryFullError.
            LookupError: the account does not exist any more.
        """
        if age is not None and not (isinstance(age, int) and 0 <= age <= OLDEST):
            raise AgeError
        if sex is not None and sex not in SEXES:
            raise SexError
        result = Result(
            account_id=account_id,
            when=self._clock(),
            model=report["model"],
            age=age,
            sex=sex,
            report=dict(report),
            scores=_scores(report),
            photos=[_kept(position, photo) for position, photo in enumerate(photos or ())],
        )
        with self._store.writing() as session:
            _check_room(session, account_id, sum(len(photo.jpeg) for photo in result.photos))
            session.add(result)
        return result.id

    def results(self, account_id: int) -> list[Result]:
        """All results of an account, newest first, with their scores."""
        with self._store.reading() as session:
            return list(session.scalars(_newest_first(account_id)))

    def result(self, account_id: int, result_id: int) -> Result:
        """One result of an account, with its scores.

        Raises:
            LookupError: the account has no result with this id.
        """
        with self._store.reading() as session:
            result = session.scalar(_newest_first(account_id).where(Result.id == result_id))
        if result is None:
            raise _not_there(result_id)
        return result

    def trend(self, account_id: int) -> dict[str, list[Point]]:
        """The points of each attribute, oldest first; a result in which it was not scored has none."""
        points = (
            select(Score.attribute, Result.when, Score.score, Score.grade, Result.model)
            .join(Score, Score.result_id == Result.id)
            .where(Result.account_id == account_id)
            .order_by(Result.when, Result.id, Score.position)
        )
        trend: dict[str, list[Point]] = {}
        with self._store.reading() as session:
            for attribute, when, score, grade, model in session.execute(points):
                trend.setdefault(attribute, []).append(Point(when, score, grade, model))
        return trend

    def photos(self, account_id: int, result_id: int) -> list[KeptPhoto]:
        """The photos kept with a result, in order.

        Raises:
            LookupError: the account has no result with this id.
        """
        self.result(account_id, result_id)
        with self._store.reading() as session:
            return _photos_of(session, result_id)

    def export(self, account_id: int) -> bytes:
        """Everything saved in an account's history: a ZIP of results.json, results.csv and, if any, photos/."""
        kept = BytesIO()
        with ZipFile(kept, "w", ZIP_DEFLATED) as archive, self._store.reading() as session:
            results = session.scalars(_newest_first(account_id)).all()
            archive.writestr("results.csv", _table(results))
            entries = []
            for result in results:
                photos = {
                    f"photos/{result.id}-{each.position + 1}.jpg": each.jpeg for each in _photos_of(session, result.id)
                }
                for name, jpeg in photos.items():
                    archive.writestr(name, jpeg, ZIP_STORED)
                entries.append(result.to_dict() | {"photos": list(photos)})
            archive.writestr("results.json", json.dumps(entries, ensure_ascii=False, indent=2))
        return kept.getvalue()

    def delete_result(self, account_id: int, result_id: int) -> None:
        """Deletes one result with its photos.

        Raises:
            LookupError: the account has no result with this id.
        """
        if not self._delete(account_id, Result.id == result_id):
            raise _not_there(result_id)

    def delete_all(self, account_id: int) -> None:
        """Deletes all results of an account with their photos, but not the account."""
        self._delete(account_id)

    def _delete(self, account_id: int, *which: ColumnElement[bool]) -> int:
        """Deletes the results that match, and returns their number."""
        with self._store.writing() as session:
            deleted = session.execute(
                delete(Result).where(Result.account_id == account_id, *which).returning(Result.id)
            )
            count = len(deleted.all())
        self._store.truncate_log()
        return count


def _newest_first(account_id: int) -> Select[Result]:
    return select(Result).where(Result.account_id == account_id).order_by(Result.when.desc(), Result.id.desc())


def _photos_of(session: Session, result_id: int) -> list[KeptPhoto]:
    photos = select(KeptPhoto).where(KeptPhoto.result_id == result_id).order_by(KeptPhoto.position)
    return list(session.scalars(photos))


def _not_there(result_id: int) -> LookupError:
    """The same error whether the result does not exist or belongs to another account."""
    return LookupError(f"result {result_id}: not found")


def _check_room(session: Session, account_id: int, kept: int) -> None:
    """Makes sure that there is room for one more result, with so many bytes of photos."""
    if session.get(Account, account_id) is None:
        raise LookupError(f"account {account_id}: not found")
    saved = session.scalars(select(func.count()).where(Result.account_id == account_id)).one()
    if saved >= MOST_RESULTS or (kept and kept + _bytes_kept(session, account_id) > MOST_KEPT):
        raise HistoryFullError


def _bytes_kept(session: Session, account_id: int) -> int:
    photos = select(func.coalesce(func.sum(func.length(KeptPhoto.jpeg)), 0))
    return session.scalars(
        photos.join(Result, Result.id == KeptPhoto.result_id).where(Result.account_id == account_id)
    ).one()


def _scores(report: Mapping[str, Any]) -> list[Score]:
    return [
        Score(
            position=position,
            attribute=entry["name"],
            grade=entry["grade"],
            score=entry["score"],
            confidence=entry["confidence"],
        )
        for position, entry in enumerate(report["attributes"])
        if entry["applies"]
    ]


def _kept(position: int, photo: Photo) -> KeptPhoto:
    jpeg = BytesIO()
    Image.fromarray(photo.pixels).save(jpeg, "JPEG", quality=JPEG_QUALITY)
    return KeptPhoto(position=position, part=photo.part, jpeg=jpeg.getvalue())


def _table(results: Iterable[Result]) -> str:
    """A CSV table with a row for each score."""
    table = StringIO()
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for result in results:
        about = [result.id, result.when.isoformat(), result.model, result.age, result.sex]
        writer.writerows([*about, each.attribute, each.grade, each.score, each.confidence] for each in result.scores)
    return table.getvalue()
