"""Nobody but the demo can make its cookie, and nobody but its owner's browser gets it."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import TimestampSigner

from multiskin.errors import UserError
from multiskin.serve.cookies import LONGEST, SECRET, Cookies, read_secret

KEY = "k" * 40
TICKET = {"guest": "0123456789abcdef"}


def value_of(header: str) -> str:
    return header.partition(";")[0]


def test_a_ticket_comes_back() -> None:
    cookies = Cookies(KEY)
    sent = value_of(cookies.header(TICKET, https=False))
    assert cookies.read(f"other=1; {sent}; more=2") == TICKET


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=3))
def test_whatever_a_ticket_says_it_ends_no_header(ticket: dict[str, str]) -> None:
    cookies = Cookies(KEY)
    header = cookies.header(ticket, https=False)
    assert header.isascii()
    assert header.isprintable()
    assert header.count(";") == 4
    assert cookies.read(value_of(header)) == ticket


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_no_character_can_be_changed(data: st.DataObject) -> None:
    cookies = Cookies(KEY)
    name, _, value = value_of(cookies.header(TICKET, https=False)).partition("=")
    place = data.draw(st.integers(0, len(value) - 2))  # the last one carries bits that stand for nothing
    sign = data.draw(st.sampled_from("ABCabc019-_.").filter(lambda each: each != value[place]))
    assert cookies.read(f"{name}={value[:place]}{sign}{value[place + 1 :]}") is None


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=200))
def test_any_other_header_is_no_ticket(header: str) -> None:
    cookies = Cookies(KEY)
    assert cookies.read(header) is None
    assert cookies.read(f"{cookies.name}={header}") is None


def test_a_long_value_is_not_even_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    cookies = Cookies(KEY)
    monkeypatch.setattr(cookies, "_signer", None)
    assert cookies.read(f"{cookies.name}={'a' * 2000}") is None


def test_another_demos_cookie_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Cookies(KEY), Cookies("K" * 40)
    assert one.name != other.name
    value = value_of(other.header(TICKET, https=False)).partition("=")[2]
    assert one.read(f"{one.name}={value}") is None


def test_a_cookie_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    cookies = Cookies(KEY)
    sent = value_of(cookies.header(TICKET, https=False))
    now = TimestampSigner(KEY).get_timestamp()
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: now + LONGEST - 60)
    assert cookies.read(sent) == TICKET
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: now + LONGEST + 60)
    assert cookies.read(sent) is None


@pytest.mark.parametrize("https", [False, True])
def test_scripts_other_sites_and_other_paths_do_not_get_it(https: bool) -> None:
    attributes = Cookies(KEY, "/skin").header(TICKET, https).split("; ")[1:]
    assert {"HttpOnly", "SameSite=Lax", "Path=/skin/"} <= set(attributes)
    assert ("Secure" in attributes) is https
    assert not any(each.startswith("Domain") for each in attributes)


def test_it_can_be_taken_back() -> None:
    cookies = Cookies(KEY, "/skin")
    removal = cookies.removal(https=False)
    assert removal.startswith(f"{cookies.name}=;")
    assert "Max-Age=0" in removal
    assert "Path=/skin/" in removal


# ----------------------------------------------------------------------------------------------------------- the secret


@pytest.fixture(autouse=True)
def _no_secret_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET, raising=False)


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    made = read_secret(folder)
    assert len(made) == 64
    assert read_secret(folder) == made
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["secret"]


def test_demos_that_start_together_have_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(read_secret, [tmp_path] * 32))) == 1


def test_no_two_folders_have_the_same(tmp_path: Path) -> None:
    assert read_secret(tmp_path / "a") != read_secret(tmp_path / "b")


def test_one_may_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, KEY)
    assert read_secret(tmp_path) == KEY
    assert not (tmp_path / "secret").exists()


@pytest.mark.parametrize("given", ["", "password"])
def test_one_that_can_be_guessed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(SECRET, given)
    with pytest.raises(UserError, match=rf"{SECRET}: {len(given)} characters; give 32"):
        read_secret(tmp_path)


def test_one_that_others_can_read_is_refused(tmp_path: Path) -> None:
    read_secret(tmp_path)
    (tmp_path / "secret").chmod(0o640)
    with pytest.raises(UserError, match="others can read it; remove it"):
        read_secret(tmp_path)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64])
def test_a_damaged_one_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    (tmp_path / "secret").chmod(0o600)
    with pytest.raises(UserError, match="remove it"):
        read_secret(tmp_path)


def test_a_folder_that_is_a_file_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(UserError, match="--data"):
        read_secret(tmp_path / "data")
