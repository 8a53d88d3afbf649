"""One private file, whatever form it had before; readers and writers do not stand in each other's way."""

import os
import shutil
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, select, update

from multiskin.errors import UserError
from multiskin.serve import migrations
from multiskin.serve.history import History
from multiskin.serve.store import FILE, Account, Base, Store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERSIONS = Path(migrations.__file__).parent / "versions"
LATER = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "later", "{newest}"


def upgrade():
    with op.batch_alter_table("account", recreate="always") as table:
        table.add_column(sa.Column("colour", sa.String, nullable=False, server_default="blue"))
    {then}
"""


@pytest.fixture
def store(tmp_path):
    with closing(Store.open(tmp_path / "data")) as store:
        yield store


@pytest.fixture
def later(tmp_path, monkeypatch):
    """Makes this a later multiskin, with one more form of the database."""

    def make(then="pass"):
        scripts = tmp_path / "scripts"
        shutil.copytree(VERSIONS.parent, scripts, ignore=shutil.ignore_patterns("__pycache__"))
        newest = max(VERSIONS.glob("v*.py"), key=lambda path: int(path.stem[1:].split("_")[0])).stem.split("_")[0]
        (scripts / "versions/later.py").write_text(LATER.format(newest=newest, then=then))
        monkeypatch.setattr(migrations, "SCRIPTS", str(scripts))

    return make


def person(name):
    return Account(name=name, key=name, password_hash="", created=NOON)


def add(store, name):
    with store.writing() as session:
        session.add(account := person(name))
    return account


def names_in(store):
    with store.reading() as session:
        return session.scalars(select(Account.name).order_by(Account.id)).all()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_only_its_owner_can_read_it(tmp_path):
    before = os.umask(0)
    try:
        with closing(Store.open(tmp_path / "deep/data")) as store:
            add(store, "anna")
            files = list((tmp_path / "deep/data").iterdir())
            assert {FILE, f"{FILE}-wal"} <= {path.name for path in files}
            assert {mode(path) for path in files} == {0o600}
            assert mode(tmp_path / "deep/data") == 0o700
    finally:
        os.umask(before)


def test_a_folder_that_was_there_keeps_its_mode_and_the_file_is_closed_to_others(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / FILE).touch(0o644)
    Store.open(tmp_path).close()
    assert mode(tmp_path) == 0o755
    assert mode(tmp_path / FILE) == 0o600


@pytest.mark.parametrize("name", ["data", "100% mine?", "a#b & c", "피부"])
def test_what_was_written_is_there_when_opened_again(name, tmp_path):
    with closing(Store.open(tmp_path / name)) as store:
        add(store, "anna")
    with closing(Store.open(str(tmp_path / name))) as store:
        assert names_in(store) == ["anna"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path):
    (tmp_path / FILE).write_text("my diary, " * 100)
    with pytest.raises(
        UserError, match=rf"{FILE}: not usable \(file is not a database\); give another folder with --data"
    ):
        Store.open(tmp_path)
    assert (tmp_path / FILE).read_text() == "my diary, " * 100


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=rf"file/{FILE}: .*; give a writable folder with --data"):
        Store.open(tmp_path / "file")


def test_the_newest_form_is_that_of_the_tables_in_code(store, tmp_path):
    with create_engine(f"sqlite:///{tmp_path}/data/{FILE}").connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
        tables = inspect(connection)
        for table in Base.metadata.tables.values():  # what alembic does not compare
            assert tables.get_pk_constraint(table.name)["constrained_columns"] == [
                key.name for key in table.primary_key
            ]
            for key in tables.get_foreign_keys(table.name):
                assert key["options"] == {"ondelete": "CASCADE"}
        connection.engine.dispose()
    assert differences == []


def test_a_database_of_the_first_form_keeps_all_that_is_in_it(tmp_path):
    with closing(sqlite3.connect(tmp_path / FILE)) as first, first:
        first.executescript((Path(__file__).parent / "first_form.sql").read_text())
    with closing(Store.open(tmp_path)) as store:
        assert names_in(store) == ["Anna", "보라"]
        (result,) = History(store).results(2)
        assert (result.when, result.model, result.age, result.sex) == (NOON, "net", 31, "female")
        assert result.report["attributes"][0]["name"] == "shine"
        assert History(store).trend(2) == {"shine": [(NOON, 1.5, 2, "net")]}
        assert [(photo.part, photo.jpeg) for photo in History(store).photos(2, result.id)] == [("chin", b"\xff\xd8")]


def test_a_table_is_rebuilt_without_what_points_to_it_being_lost(store, tmp_path, later):
    anna = add(store, "anna")
    History(store).save(anna.id, {"model": "net", "attributes": []})
    later()
    with closing(Store.open(tmp_path / "data")) as newer, newer.reading() as session:
        assert session.connection().exec_driver_sql("SELECT name, colour FROM account").all() == [("anna", "blue")]
        assert len(History(newer).results(anna.id)) == 1


def test_a_database_of_a_newer_multiskin_is_refused_and_left_as_it_is(tmp_path, later, monkeypatch):
    later()
    Store.open(tmp_path / "data").close()
    monkeypatch.undo()
    before = (tmp_path / "data" / FILE).read_bytes()
    with pytest.raises(
        UserError, match=r"written by a newer multiskin \(database revision 'later'\); update multiskin, or give"
    ):
        Store.open(tmp_path / "data")
    assert (tmp_path / "data" / FILE).read_bytes() == before


def test_a_migration_that_fails_leaves_the_old_form(store, tmp_path, later, monkeypatch):
    add(store, "anna")
    later("raise RuntimeError('half way')")
    with pytest.raises(RuntimeError, match="half way"):
        Store.open(tmp_path / "data")
    monkeypatch.undo()
    with closing(Store.open(tmp_path / "data")) as again:
        assert names_in(again) == ["anna"]


def test_many_may_open_a_new_one_at_once(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: Store.open(tmp_path / "data"), range(4)))
    for number, store in enumerate(stores):
        add(store, str(number))
    assert names_in(stores[0]) == ["0", "1", "2", "3"]
    for store in stores:
        store.close()


def test_who_reads_sees_one_state_and_holds_nobody_up(store):
    add(store, "anna")
    with store.reading() as session:
        assert session.scalars(select(Account.name)).all() == ["anna"]
        add(store, "bora")
        assert session.scalars(select(Account.name)).all() == ["anna"]
    assert names_in(store) == ["anna", "bora"]


def test_who_writes_is_alone(store):
    """Each thread reads, and then writes what follows from that: without a lock some would be lost, or be refused."""
    account = add(store, "")
    start = threading.Barrier(4)

    def append(letter):
        start.wait()
        for _ in range(10):
            with store.writing() as session:
                name = session.scalars(select(Account.name)).one()
                session.execute(update(Account).where(Account.id == account.id).values(name=name + letter))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append, "abcd"))
    assert sorted(names_in(store)[0]) == sorted("abcd" * 10)


def test_what_fails_leaves_nothing(store):
    def add_and_fail():
        with store.writing() as session:
            session.add(person("anna"))
            session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        add_and_fail()
    assert names_in(store) == []


def test_times_keep_their_instant_and_come_back_in_utc(store):
    seoul = timezone(timedelta(hours=9))
    with store.writing() as session:
        session.add(Account(name="anna", key="anna", password_hash="", created=NOON.astimezone(seoul)))
    with store.reading() as session:
        (created,) = session.scalars(select(Account.created))
    assert created == NOON
    assert created.tzinfo is UTC
