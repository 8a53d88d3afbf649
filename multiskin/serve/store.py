"""What the demo keeps, in one SQLite file that only its owner can read: accounts, who is signed in, and results."""

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
LOGGER = "multiskin"  # the engine's, among those of SQLAlchemy
PATIENCE = 30  # seconds that one writer waits for another
# How a transaction begins that will write. One that began by reading could not go on to write once another has written:
# SQLite would refuse it at once.
ALONE = "BEGIN IMMEDIATE"


class RecordError(UserError):
    """What a person asks to have kept, changed or told, and is not.

    Attributes:
        code: one word, by which a page finds the message in its own language.
    """

    code: ClassVar[str]
    message: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(self.message)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Moment(TypeDecorator[datetime]):
    """A time with its zone, kept as UTC; SQLite itself knows no zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, eq=False):
    # Every constraint has a name, for a migration can change only what it can name.
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
        }
    )


class Account(Base):
    """A person who signed up; all that is theirs goes when it goes.

    Attributes:
        id: never given again, so that what was left of one account cannot pass to another.
        name: as it was typed.
        key: the name as it is compared, unique.
        password_hash: argon2, with its parameters and its salt.
    """

    __tablename__ = "account"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str] = mapped_column(repr=False)
    created: Mapped[datetime] = mapped_column(Moment)


class SignIn(Base):
    """One browser that is signed in; of its token only the SHA-256 is known here."""

    __tablename__ = "sign_in"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True, repr=False)
    account_id: Mapped[int] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    started: Mapped[datetime] = mapped_column(Moment)
    last_used: Mapped[datetime] = mapped_column(Moment)

    account: Mapped[Account] = relationship(init=False, repr=False, lazy="raise")


class Result(Base):
    """A report that a person saved.

    Attributes:
        when: it was saved.
        model: what graded, as the report names it.
        age: in years, where the person gave it.
        sex: where the person gave it.
        report: the whole of it.
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
    """What a result says of one attribute that applied to its photos; trends and tables are made of these."""

    __tablename__ = "score"

    result_id: Mapped[int] = mapped_column(ForeignKey(Result.id, ondelete="CASCADE"), primary_key=True, init=False)
    position: Mapped[int] = mapped_column(primary_key=True)  # in the report
    attribute: Mapped[str]
    grade: Mapped[int]
    score: Mapped[float | None] = mapped_column(Double)  # the expected grade; None where grades have no order
    confidence: Mapped[float] = mapped_column(Double)  # the grade's probability


class KeptPhoto(Base):
    """A photo that a person asked to keep, encoded anew."""

    __tablename__ = "kept_photo"

    result_id: Mapped[int] = mapped_column(ForeignKey(Result.id, ondelete="CASCADE"), primary_key=True, init=False)
    position: Mapped[int] = mapped_column(primary_key=True)
    part: Mapped[str | None]
    jpeg: Mapped[bytes] = mapped_column(repr=False)


class Store:
    """The database of one demo, for any number of threads.

    Attributes:
        reading: opens a session that sees one state of the database.
        writing: opens a session that is alone in writing, and commits when it ends without an error.
    """

    reading: Callable[[], AbstractContextManager[Session]]
    writing: Callable[[], AbstractContextManager[Session]]

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.reading = sessionmaker(engine, expire_on_commit=False)
        self.writing = sessionmaker(engine.execution_options(begin=ALONE), expire_on_commit=False).begin

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """The store in a folder, made where there is none and brought to the newest form where it is older.

        Raises:
            UserError: the folder cannot be written to, or its database is none, or of a newer multiskin.
        """
        path = Path(folder) / FILE
        _make_private(path)
        logging.getLogger(f"sqlalchemy.engine.Engine.{LOGGER}").setLevel(logging.INFO)  # DEBUG would log what is read
        engine = create_engine(
            URL.create("sqlite", database=str(path)),
            connect_args={"timeout": PATIENCE},
            logging_name=LOGGER,
            hide_parameters=True,  # what is written, in errors and logs
            json_serializer=partial(json.dumps, ensure_ascii=False, allow_nan=False),
        )
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        try:
            upgrade(engine.execution_options(begin=ALONE), str(path))
        except DatabaseError as error:
            raise UserError(f"{path}: not usable ({error.orig}); give another folder with --data") from error
        finally:
            engine.dispose()
        event.listen(engine, "connect", _enforce_foreign_keys)
        return cls(engine)

    def empty_log(self) -> None:
        """Takes what was deleted out of the write-ahead log too, where it would stay until the next checkpoint."""
        with closing(self._engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._engine.dispose()


def _make_private(path: Path) -> None:
    """A folder that is made is its owner's alone; one that was there keeps its mode, for it may serve others too."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(0o600)
        path.chmod(0o600)  # where it was there already; SQLite gives its log the same
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a folder that can be written to with --data") from error


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # Python's driver would begin transactions where it sees fit; see _begin
    connection.execute("PRAGMA journal_mode = WAL")  # who reads does not wait for who writes
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _enforce_foreign_keys(connection: Any, _record: Any) -> None:
    """Not in migrations: to rebuild a table SQLite drops it, and all that points to it would go with it."""
    connection.execute("PRAGMA foreign_keys = ON")
