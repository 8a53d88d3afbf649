"""The database: accounts, sign-ins and saved results, in one SQLite file that only its owner can read."""

import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

from sqlalchemy import JSON, URL, Connection, DateTime, Double, Engine, ForeignKey, MetaData, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    Session,
    mapped_column,
    relationship,
    sessionmaker,
)
from sqlalchemy.types import TypeDecorator

from multiskin.errors import UserError
from multiskin.serve.migrations import upgrade

FILE = "demo.db"
LOGGER = "multiskin"  # the engine's name among SQLAlchemy's loggers
PATIENCE = 30  # seconds that one writer waits for another
# Takes the write lock when a transaction begins. If it were taken at the first write, after a read, SQLite would fail
# at once if another transaction had written in between.
EXCLUSIVE = "BEGIN IMMEDIATE"


class RecordError(UserError):
    """A request concerning stored data that is refused.

    Attributes:
        code: an identifier by which pages look up the message in their language.
    """

    code: ClassVar[str]
    message: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(self.message)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Moment(TypeDecorator[datetime]):
    """A timezone-aware datetime, stored as UTC, since SQLite has no time zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, eq=False):
    # Every constraint has a name, since migrations can only change named ones.
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
        }
    )


class Account(Base):
    """A person who signed up; deleting it deletes everything that belongs to it.

    Attributes:
        id: never reused, so that leftovers of one account cannot pass to another.
        name: the name as typed, in NFC.
        key: the name in the form that is compared; unique.
        password_hash: argon2 hash, including its parameters and salt.
        created: when the person signed up.
    """

    __tablename__ = "account"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str] = mapped_column(repr=False)
    created: Mapped[datetime] = mapped_column(Moment)


class SignIn(Base):
    """One browser that is signed in; only the SHA-256 of its token is stored."""

    __tablename__ = "sign_in"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True, repr=False)
    account_id: Mapped[int] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    started: Mapped[datetime] = mapped_column(Moment)
    last_used: Mapped[datetime] = mapped_column(Moment)

    account: Mapped[Account] = relationship(init=False, repr=False, lazy="raise")


class Result(Base):
    """A report that a person saved.

    Attributes:
        account_id: the account that saved it.
        when: the time it was saved.
        model: the fingerprint of the model that scored.
        age: in years; None if not given.
        sex: one of history.SEXES; None if not given.
        report: the whole report, as plain containers.
        scores: its scores, for trends and tables.
        photos: the photos saved with it.
    """

    __tablename__ = "result"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    account_id: Mapped[int] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    when: Mapped[datetime] = mapped_column(Moment)
    model: Mapped[str]
    age: Mapped[int | None]
    sex: Mapped[str | None]
    report: Mapped[dict[str, Any]] = mapped_column(JSON, repr=False)

    scores: Mapped[list["Score"]] = relationship(order_by="Score.position", repr=False, lazy="selectin")
    photos: Mapped[list["KeptPhoto"]] = relationship(order_by="KeptPhoto.position", repr=False, lazy="raise")

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for JSON, without the photos."""
        about = {"id": self.id, "when": self.when.isoformat(), "age": self.age, "sex": self.sex}
        return about | {"report": self.report}


class Score(Base):
    """The score of one attribute in a result, for trends and tables; none if the attribute was not scored."""

    __tablename__ = "score"

    result_id: Mapped[int] = mapped_column(ForeignKey(Result.id, ondelete="CASCADE"), primary_key=True, init=False)
    position: Mapped[int] = mapped_column(primary_key=True)  # in the report
    attribute: Mapped[str]
    grade: Mapped[int]
    score: Mapped[float | None] = mapped_column(Double)  # the expected grade; None if grades have no order
    confidence: Mapped[float] = mapped_column(Double)  # the grade's probability


class KeptPhoto(Base):
    """A photo that a person asked to keep, re-encoded."""

    __tablename__ = "kept_photo"

    result_id: Mapped[int] = mapped_column(ForeignKey(Result.id, ondelete="CASCADE"), primary_key=True, init=False)
    position: Mapped[int] = mapped_column(primary_key=True)
    part: Mapped[str | None]
    jpeg: Mapped[bytes] = mapped_column(repr=False)


class Store:
    """The database of the demo; thread-safe.

    Attributes:
        reading: opens a session that sees one consistent state of the database.
        writing: opens a session that excludes other writers, and commits on exit unless there was an error.
    """

    reading: Callable[[], AbstractContextManager[Session]]
    writing: Callable[[], AbstractContextManager[Session]]

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.reading = sessionmaker(engine, expire_on_commit=False)
        self.writing = sessionmaker(engine.execution_options(begin=EXCLUSIVE), expire_on_commit=False).begin

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Opens the database in a folder; creates it if missing and migrates it if older.

        Raises:
            UserError: the folder is not writable, or the file is not a database or was written by a newer multiskin.
        """
        path = Path(folder) / FILE
        _make_private(path)
        logging.getLogger(f"sqlalchemy.engine.Engine.{LOGGER}").addFilter(_without_rows)
        engine = create_engine(
            URL.create("sqlite", database=str(path)),
            connect_args={"timeout": PATIENCE},
            logging_name=LOGGER,
            hide_parameters=True,  # keeps the values that are written out of errors and logs
            json_serializer=partial(json.dumps, ensure_ascii=False, allow_nan=False),
        )
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        try:
            upgrade(engine.execution_options(begin=EXCLUSIVE), str(path))
        except DatabaseError as error:
            raise UserError(f"{path}: not usable ({error.orig}); give another folder with --data") from error
        finally:
            engine.dispose()
        event.listen(engine, "connect", _enforce_foreign_keys)
        return cls(engine)

    def truncate_log(self) -> None:
        """Truncates the write-ahead log, where deleted data would otherwise remain until the next checkpoint."""
        with closing(self._engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._engine.dispose()


def _without_rows(record: logging.LogRecord) -> bool:
    """Keeps messages at DEBUG out of logs: they contain the rows that were read."""
    return record.levelno > logging.DEBUG


def _make_private(path: Path) -> None:
    """Creates the file, readable by its owner only, and its folder; an existing folder keeps its permissions."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(0o600)
        path.chmod(0o600)  # if it existed; SQLite gives its log the same permissions
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a writable folder with --data") from error


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # stops Python's driver from beginning transactions by itself; see _begin
    connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for writers
    connection.execute("PRAGMA secure_delete = ON")  # deleted data is overwritten


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _enforce_foreign_keys(connection: Any, _record: Any) -> None:
    """Not during migrations, which rebuild tables by dropping them: that would delete all rows that refer to them."""
    connection.execute("PRAGMA foreign_keys = ON")
