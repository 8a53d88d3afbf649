"""Who may come in, for how long, and how often one may try; hashes are cheap ones here."""

import logging
import sqlite3
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import repeat
from time import monotonic

import pytest
from argon2 import PasswordHasher, extract_parameters
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from multiskin.serve.accounts import (
    IDLE,
    LIFETIME,
    LONGEST_NAME,
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    AccountError,
    Accounts,
    AccountsFullError,
    CredentialsError,
    NameFormError,
    NameTakenError,
    PasswordIsNameError,
    PasswordLengthError,
    TooManyAttempts,
    _key,
)
from multiskin.serve.history import History
from multiskin.serve.store import FILE, Account, SignIn, Store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASSWORD, OTHER = "green apples", "blue plums, please"
HOME, AWAY = "192.0.2.1", "198.51.100.7"


class Clock:
    def __init__(self):
        self.time = NOON

    def __call__(self):
        return self.time


class Hasher(PasswordHasher):
    """Cheap; counts what it verifies, and lets something happen meanwhile."""

    def __init__(self, time_cost=1):
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.verified = 0
        self.meanwhile = []

    def verify(self, hash, password):  # noqa: A002
        self.verified += 1
        right = super().verify(hash, password)
        for happen in [self.meanwhile.pop()] if self.meanwhile else []:
            happen()
        return right


@pytest.fixture
def store(tmp_path):
    with closing(Store.open(tmp_path)) as store:
        yield store


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hasher():
    return Hasher()


@pytest.fixture
def accounts(store, hasher, clock):
    return Accounts(store, hasher, clock)


@pytest.fixture
def anna(accounts):
    return accounts.sign_up("Anna", PASSWORD)


def rows(store, table):
    with store.reading() as session:
        return session.scalars(select(table)).all()


def test_who_signed_up_signs_in_and_out(accounts, anna, clock):
    token = accounts.sign_in("Anna", PASSWORD, HOME)
    account = accounts.account_of(token)
    assert (account.id, account.name, account.created) == (anna.id, "Anna", NOON)
    accounts.sign_out(token)
    assert accounts.account_of(token) is None
    accounts.sign_out(token)  # twice is not an error


def test_each_browser_is_signed_in_for_itself(accounts, anna):
    bora = accounts.sign_up("보라", OTHER)
    tokens = [accounts.sign_in(name, password, HOME) for name, password in [("Anna", PASSWORD)] * 2 + [("보라", OTHER)]]
    assert [accounts.account_of(token).id for token in tokens] == [anna.id, anna.id, bora.id]
    accounts.sign_out(tokens[0])
    assert [accounts.account_of(token) is None for token in tokens] == [True, False, False]


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "피부", "\ud800", "0\0", "' OR 1=1 --"])
def test_other_tokens_are_nobodys(token, accounts, anna):
    accounts.sign_in("Anna", PASSWORD, HOME)
    assert accounts.account_of(token) is None


@pytest.mark.parametrize("other", ["anna", "ANNA", "  Anna ", "Ａｎｎａ", "𝐀nna"])
def test_a_name_is_one_however_it_is_written(other, accounts, anna):
    with pytest.raises(NameTakenError):
        accounts.sign_up(other, OTHER)
    assert accounts.account_of(accounts.sign_in(other, PASSWORD, HOME)).id == anna.id


def test_names_and_passwords_are_the_same_from_a_keyboard_that_composes_otherwise(accounts):
    name, password = "이보라", "초록 사과와 자두 세 개"
    accounts.sign_up(unicodedata.normalize("NFD", name), unicodedata.normalize("NFD", password))
    assert accounts.account_of(accounts.sign_in(name, password, HOME)).name == name


@given(st.text(max_size=8), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
@settings(max_examples=300, deadline=None)
def test_a_key_is_its_own_key_and_that_of_every_way_to_write_it(name, form):
    assert _key(_key(name)) == _key(name) == _key(unicodedata.normalize(form, name))


@pytest.mark.parametrize(
    "name", ["", "  ", "a\nb", "a\0", "a\u202eb", "a\u200b", "\ud800", "a" * (LONGEST_NAME + 1), "ﷺ" * 3]
)
def test_a_name_that_cannot_be_seen_or_is_too_long_is_refused(name, accounts, store):
    with pytest.raises(NameFormError, match="1 to 40 visible characters; choose another"):
        accounts.sign_up(name, PASSWORD)
    with pytest.raises(CredentialsError):
        accounts.sign_in(name, PASSWORD, HOME)
    assert rows(store, Account) == []


@pytest.mark.parametrize("length", [0, SHORTEST_PASSWORD - 1, LONGEST_PASSWORD + 1])
def test_a_password_of_another_length_is_refused(length, accounts, anna):
    with pytest.raises(PasswordLengthError, match="10 to 200 characters"):
        accounts.sign_up("Bora", "x" * length)
    with pytest.raises(PasswordLengthError):
        accounts.change_password(anna.id, PASSWORD, "x" * length)
    assert accounts.sign_in("Anna", PASSWORD, HOME)


@pytest.mark.parametrize(
    "password", ["x" * SHORTEST_PASSWORD, "x" * LONGEST_PASSWORD, "\ud800" * 10, "\0" * 10, "비" * 10]
)
def test_any_other_password_will_do(password, accounts):
    accounts.sign_up("Anna", password)
    assert accounts.sign_in("Anna", password, HOME)
    with pytest.raises(CredentialsError):
        accounts.sign_in("Anna", password[:-1], HOME)


LONG = "a" + "\u0315" * 30_000 + "\u0300" * 30_000  # to compose it takes a minute, in which nothing else runs


@pytest.mark.parametrize(("name", "password"), [(LONG, PASSWORD), ("Anna", LONG)])
def test_what_no_name_or_password_can_be_takes_no_time(name, password, accounts, anna):
    begun = monotonic()
    for ask in (accounts.sign_up, partial(accounts.sign_in, address=HOME)):
        with pytest.raises(AccountError):
            ask(name, password)
    with pytest.raises(CredentialsError):
        accounts.delete(anna.id, LONG)
    assert monotonic() - begun < 5


def test_of_a_long_password_all_counts(accounts):
    accounts.sign_up("Anna", "각" * LONGEST_PASSWORD)
    apart = unicodedata.normalize("NFD", "각" * LONGEST_PASSWORD)
    assert accounts.sign_in("Anna", apart, HOME)
    with pytest.raises(CredentialsError):
        accounts.sign_in("Anna", apart + "a", HOME)


def test_the_name_is_no_password(accounts):
    with pytest.raises(PasswordIsNameError):
        accounts.sign_up("Anna Bora Choi", "anna BORA choi")
    account = accounts.sign_up("Anna Bora Choi", PASSWORD)
    with pytest.raises(PasswordIsNameError):
        accounts.change_password(account.id, PASSWORD, "ANNA BORA CHOI")


def test_of_two_who_want_a_name_at_once_one_gets_it(accounts, store):
    def sign_up(password):
        try:
            return accounts.sign_up("Anna", password).id
        except NameTakenError:
            return None

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(sign_up, repeat(PASSWORD, 4)))
    assert len([each for each in ids if each]) == len(rows(store, Account)) == 1


def test_nobody_learns_whether_a_name_is_known(accounts, anna, hasher):
    told = []
    for name in ("Anna", "Bora"):
        hasher.verified = 0
        with pytest.raises(CredentialsError) as caught:
            accounts.sign_in(name, OTHER, HOME)
        told.append((str(caught.value), caught.value.code, caught.value.__cause__, hasher.verified))
    assert told[0] == told[1]
    assert hasher.verified == 1


def test_a_sign_in_ends_when_it_is_not_used(accounts, anna, clock):
    token = accounts.sign_in("Anna", PASSWORD, HOME)
    for _ in range(3):
        clock.time += IDLE - timedelta(seconds=1)
        assert accounts.account_of(token)
    clock.time += IDLE
    assert accounts.account_of(token) is None


def test_a_sign_in_ends_however_much_it_is_used(accounts, anna, clock):
    token = accounts.sign_in("Anna", PASSWORD, HOME)
    while clock.time < NOON + LIFETIME:
        assert accounts.account_of(token)
        clock.time += IDLE / 2
    assert accounts.account_of(token) is None


def test_a_use_is_written_down_once_a_minute(accounts, anna, clock, store):
    token = accounts.sign_in("Anna", PASSWORD, HOME)
    written = []
    for _ in range(8):
        clock.time += timedelta(seconds=15)
        accounts.account_of(token)
        written.append(rows(store, SignIn)[0].last_used)
    assert [(each - NOON).total_seconds() for each in written] == [0, 0, 0, 60, 60, 60, 60, 120]


def test_what_has_ended_is_not_kept(accounts, anna, clock, store):
    accounts.sign_in("Anna", PASSWORD, HOME)
    clock.time += IDLE
    token = accounts.sign_in("Anna", PASSWORD, HOME)
    assert [each.token_hash for each in rows(store, SignIn)] == [sha256(token.encode()).digest()]


def test_there_is_an_end_to_accounts(store, hasher, anna):
    few = Accounts(store, hasher, most=2)
    bora = few.sign_up("Bora", PASSWORD)
    with pytest.raises(AccountsFullError, match="no room for another account"):
        few.sign_up("Choi", PASSWORD)
    assert len(rows(store, Account)) == 2
    few.delete(bora.id, PASSWORD)
    few.sign_up("Choi", PASSWORD)


def test_a_new_password_ends_every_sign_in_of_its_account_alone(accounts, anna):
    accounts.sign_up("Bora", PASSWORD)
    tokens = [accounts.sign_in(name, PASSWORD, HOME) for name in ("Anna", "Anna", "Bora")]
    with pytest.raises(CredentialsError):
        accounts.change_password(anna.id, OTHER, OTHER)
    assert all(map(accounts.account_of, tokens))
    new = accounts.change_password(anna.id, PASSWORD, OTHER)
    assert [accounts.account_of(token) is None for token in tokens] == [True, True, False]
    assert accounts.account_of(new).id == anna.id  # in the browser that asked
    with pytest.raises(CredentialsError):
        accounts.sign_in("Anna", PASSWORD, HOME)
    assert accounts.account_of(accounts.sign_in("Anna", OTHER, HOME)).id == anna.id


def test_with_an_account_goes_all_that_was_its_owners(accounts, anna, store, tmp_path):
    bora = accounts.sign_up("Bora", PASSWORD)
    history = History(store)
    for account in (anna, bora):
        history.save(account.id, {"model": f"seen by {account.name}", "attributes": []})
    tokens = [accounts.sign_in(name, PASSWORD, HOME) for name in ("Anna", "Bora")]
    with pytest.raises(CredentialsError):
        accounts.delete(anna.id, OTHER)
    assert len(history.results(anna.id)) == 1
    accounts.delete(anna.id, PASSWORD)
    assert [accounts.account_of(token) is None for token in tokens] == [True, False]
    assert history.results(anna.id) == []
    assert len(history.results(bora.id)) == 1
    with pytest.raises(CredentialsError):
        accounts.delete(anna.id, PASSWORD)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"seen by Bora" in content
    assert b"seen by Anna" not in content  # overwritten in the file, and out of its log
    assert accounts.sign_up("Anna", OTHER).id > bora.id  # an id is never another's


@pytest.mark.parametrize("ask", ["sign_in", "change_password", "delete"])
def test_a_password_that_is_changed_while_it_is_checked_opens_nothing_more(ask, accounts, anna, hasher, store):
    hasher.meanwhile.append(lambda: accounts.change_password(anna.id, PASSWORD, OTHER))
    given = {"sign_in": ("Anna", PASSWORD, HOME), "change_password": (anna.id, PASSWORD, "x" * 10)}
    with pytest.raises(CredentialsError):
        getattr(accounts, ask)(*given.get(ask, (anna.id, PASSWORD)))
    assert len(rows(store, SignIn)) == 1  # of who changed it
    assert accounts.sign_in("Anna", OTHER, HOME)


def test_an_account_that_is_deleted_while_its_password_is_checked_is_not_signed_in(accounts, anna, hasher, store):
    hasher.meanwhile.append(lambda: accounts.delete(anna.id, PASSWORD))
    with pytest.raises(CredentialsError):
        accounts.sign_in("Anna", PASSWORD, HOME)
    assert rows(store, SignIn) == []


def test_a_password_is_hashed_anew_when_the_parameters_change(store, accounts, anna):
    stronger = Hasher(time_cost=2)
    later = Accounts(store, stronger)
    both = [lambda: later.sign_in("Anna", PASSWORD, HOME)]  # from two browsers at once
    stronger.meanwhile += both
    assert later.sign_in("Anna", PASSWORD, HOME)
    (account,) = rows(store, Account)
    assert extract_parameters(account.password_hash).time_cost == 2
    assert len(rows(store, SignIn)) == 2
    assert later.sign_in("Anna", PASSWORD, HOME)
    assert rows(store, Account)[0].password_hash == account.password_hash


class Watch:
    def __init__(self, monkeypatch):
        self.time = 1e9
        monkeypatch.setattr("time.time", lambda: self.time)


@pytest.fixture
def watch(monkeypatch):
    """What limits go by."""
    return Watch(monkeypatch)


def fail(accounts, name, address):
    with pytest.raises(AccountError) as caught:
        accounts.sign_in(name, OTHER, address)
    return caught.value


def failures(accounts, tries):
    """How many tries are let through before one is not, and the seconds to wait then."""
    for count, (name, address) in enumerate(tries):
        error = fail(accounts, name, address)
        if isinstance(error, TooManyAttempts):
            return count, error.retry_after
    raise AssertionError("no limit")


def test_a_name_has_ten_tries_from_an_address(accounts, anna, watch):
    assert failures(accounts, repeat(("Anna", HOME))) == (10, 900)
    watch.time += 600
    with pytest.raises(TooManyAttempts, match="too many attempts") as caught:
        accounts.sign_in("ANNA", PASSWORD, HOME)  # however it is written, and though it is right
    assert (caught.value.retry_after, caught.value.code) == (300, "too_many")
    assert accounts.sign_in("Anna", PASSWORD, AWAY)  # its owner is not kept out elsewhere
    watch.time += 300.5
    assert accounts.sign_in("Anna", PASSWORD, HOME)


def test_the_window_moves(accounts, anna, watch):
    for _ in range(10):
        fail(accounts, "Anna", HOME)
        watch.time += 60
    assert failures(accounts, repeat(("Anna", HOME))) == (0, 300)
    watch.time += 300.5
    assert failures(accounts, repeat(("Anna", HOME))) == (1, 60)  # the oldest try was a minute before the next


def test_one_that_is_right_gives_the_name_its_tries_back(accounts, anna, watch):
    for _ in range(2):
        for number in range(99):
            fail(accounts, "Anna", HOME if number < 9 else f"2001:db8:{number}::1")
        accounts.sign_in("Anna", PASSWORD, HOME)


def test_an_address_has_a_hundred_tries_at_all_names_even_with_a_right_one_among_them(accounts, anna, watch):
    accounts.sign_in("Anna", PASSWORD, HOME)
    assert failures(accounts, ((f"name {number}", HOME) for number in range(200))) == (99, 900)
    assert isinstance(fail(accounts, "Anna", AWAY), CredentialsError)
    with pytest.raises(TooManyAttempts):
        accounts.sign_up("Bora", PASSWORD, HOME)
    assert accounts.sign_up("Bora", PASSWORD, AWAY)


def test_a_name_has_a_hundred_tries_an_hour_from_all_addresses(accounts, anna, watch):
    assert failures(accounts, (("Anna", f"192.0.2.{number}") for number in range(200))) == (100, 3600)
    assert isinstance(fail(accounts, "Bora", HOME), CredentialsError)


@pytest.mark.parametrize(
    ("addresses", "together"),
    [
        (["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:0:1::"], True),  # of one home
        (["2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1"], False),
        ([HOME, f"::ffff:{HOME}"], True),
        ([HOME, AWAY], False),
        (["testclient", None], False),
        (["unix:/a/b"], True),
    ],
)
def test_who_has_many_addresses_has_no_more_tries(addresses, together, accounts, anna):
    for number in range(10):
        fail(accounts, "Anna", addresses[number % len(addresses)])
    error = fail(accounts, "Anna", addresses[0])
    assert isinstance(error, TooManyAttempts) == together


@pytest.mark.parametrize("ask", ["change_password", "delete"])
def test_who_found_a_browser_open_guesses_no_more_often(ask, accounts, anna):
    given = (OTHER, PASSWORD) if ask == "change_password" else (OTHER,)
    for _ in range(5):  # by either way
        with pytest.raises(CredentialsError):
            getattr(accounts, ask)(anna.id, *given, HOME)
        assert isinstance(fail(accounts, "Anna", HOME), CredentialsError)
    with pytest.raises(TooManyAttempts):
        getattr(accounts, ask)(anna.id, *given, HOME)


@pytest.mark.parametrize("ask", ["change_password", "delete"])
def test_an_address_asks_so_often_of_its_own_accounts_too(ask, accounts, anna, watch):
    given = (PASSWORD, "x") if ask == "change_password" else (OTHER,)
    for number in range(100):
        fail(accounts, f"name {number}", HOME)
    with pytest.raises(TooManyAttempts):
        getattr(accounts, ask)(anna.id, *given, HOME)
    with pytest.raises(AccountError) as caught:
        getattr(accounts, ask)(anna.id, *given, AWAY)
    assert not isinstance(caught.value, TooManyAttempts)


def test_statements_are_logged_only_if_asked_for(accounts, caplog):
    accounts.sign_up("Anna", PASSWORD)
    assert caplog.text == ""


def test_no_secret_is_shown_logged_or_kept(accounts, store, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy.engine", "sqlalchemy.pool", "alembic"):
        caplog.set_level(logging.DEBUG, logger=name)
    accounts.sign_up("Anna", PASSWORD)
    token = accounts.sign_in("Anna", PASSWORD, HOME)
    with pytest.raises(NameTakenError) as taken:
        accounts.sign_up("Anna", OTHER)
    with pytest.raises(CredentialsError) as wrong:
        accounts.sign_in("Anna", OTHER, HOME)
    (account,), (sign_in,) = rows(store, Account), rows(store, SignIn)
    assert "INSERT INTO account" in caplog.text
    shown = " ".join(map(repr, [account, sign_in, accounts, store, taken.value, wrong.value])) + caplog.text
    for secret in (PASSWORD, OTHER, token, account.password_hash, repr(sign_in.token_hash)):
        assert secret not in shown
    with closing(sqlite3.connect(tmp_path / FILE)) as file:
        kept = "\n".join(file.iterdump())
    assert account.password_hash in kept
    for secret in (PASSWORD, OTHER, token):
        assert secret not in kept
