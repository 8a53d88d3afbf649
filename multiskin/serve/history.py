"""What a person saved: their results over time, and theirs alone."""

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
MOST_RESULTS = 1000  # of one account: one a day for almost three years, yet no flood that fills the disk
MOST_KEPT = 500_000_000  # bytes of an account's photos: some thousand, and an export of them has room in memory
JPEG_QUALITY = 92

COLUMNS = ("result", "when", "model", "age", "sex", "attribute", "grade", "score", "confidence")  # of results.csv


class HistoryError(RecordError):
    """What cannot be saved."""


class AgeError(HistoryError):
    code = "age_invalid"
    message = f"an age is a whole number of years from 0 to {OLDEST}; correct it or leave it out"


class SexError(HistoryError):
    code = "sex_invalid"
    message = f"sex is one of {', '.join(SEXES)}; choose one or leave it out"


class HistoryFullError(HistoryError):
    code = "history_full"
    message = (
        f"up to {MOST_RESULTS} results and {MOST_KEPT // 1_000_000} MB of photos are saved, and there is room for no "
        "more; export them, and delete old ones"
    )


class Photo(Protocol):
    """A photo as it was graded."""

    @property
    def pixels(self) -> np.ndarray: ...  # (h, w, 3) uint8, RGB

    @property
    def part(self) -> str | None: ...


class Point(NamedTuple):
    """One result's place in the trend of an attribute."""

    when: datetime
    score: float | None  # None where grades have no order
    grade: int
    model: str


class History:
    """The saved results of all accounts, for any number of threads; whoever asks sees those of one account.

    Args:
        store: where they are kept.
        clock: tells the time.
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
        """Keeps a report, and beside it only what the person agreed to.

        Args:
            account_id: whose it is.
            report: as the engine gives it, and never as a browser sends it back.
            age: in years, with consent.
            sex: one of SEXES, with consent.
            photos: kept if the person asks for it; encoded anew, so without what a camera writes beside the pixels.

        Returns:
            The result's id.

        Raises:
            HistoryError: AgeError, SexError or HistoryFullError.
            LookupError: there is no such account any more.
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
        """All of an account, newest first, with their scores."""
        with self._store.reading() as session:
            return list(session.scalars(_newest_first(account_id)))

    def result(self, account_id: int, result_id: int) -> Result:
        """One of an account, with its scores.

        Raises:
            LookupError: the account has none of this id.
        """
        with self._store.reading() as session:
            result = session.scalar(_newest_first(account_id).where(Result.id == result_id))
        if result is None:
            raise _not_there(result_id)
        return result

    def trend(self, account_id: int) -> dict[str, list[Point]]:
        """For each attribute its points, oldest first; results to whose photos it did not apply have none."""
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
        """Those kept with a result, in their order.

        Raises:
            LookupError: the account has no result of this id.
        """
        self.result(account_id, result_id)
        with self._store.reading() as session:
            return _photos_of(session, result_id)

    def export(self, account_id: int) -> bytes:
        """All that is kept of a person's results: a zip of results.json, results.csv and, if any, photos/."""
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
        """Takes away one result with its photos.

        Raises:
            LookupError: the account has none of this id.
        """
        if not self._delete(account_id, Result.id == result_id):
            raise _not_there(result_id)

    def delete_all(self, account_id: int) -> None:
        """Takes away all results of an account with their photos; the account stays."""
        self._delete(account_id)

    def _delete(self, account_id: int, *which: ColumnElement[bool]) -> int:
        """How many there were."""
        with self._store.writing() as session:
            deleted = session.execute(
                delete(Result).where(Result.account_id == account_id, *which).returning(Result.id)
            )
            count = len(deleted.all())
        self._store.empty_log()
        return count


def _newest_first(account_id: int) -> Select[Result]:
    return select(Result).where(Result.account_id == account_id).order_by(Result.when.desc(), Result.id.desc())


def _photos_of(session: Session, result_id: int) -> list[KeptPhoto]:
    photos = select(KeptPhoto).where(KeptPhoto.result_id == result_id).order_by(KeptPhoto.position)
    return list(session.scalars(photos))


def _not_there(result_id: int) -> LookupError:
    """The same for another's result as for none."""
    return LookupError(f"result {result_id}: there is none")


def _check_room(session: Session, account_id: int, kept: int) -> None:
    """For one more result, and so many bytes of photos."""
    if session.get(Account, account_id) is None:
        raise LookupError(f"account {account_id}: there is none")
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
    """A row for each score."""
    table = StringIO()
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for result in results:
        about = [result.id, result.when.isoformat(), result.model, result.age, result.sex]
        writer.writerows([*about, each.attribute, each.grade, each.score, each.confidence] for each in result.scores)
    return table.getvalue()
