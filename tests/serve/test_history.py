"""What is saved comes back, to its owner alone, and goes when it is deleted."""

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from itertools import count
from types import SimpleNamespace
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from multiskin.serve import history as room
from multiskin.serve.history import SEXES, AgeError, History, HistoryError, HistoryFullError, SexError
from multiskin.serve.store import FILE, Account, Store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NEW = count()  # accounts


class Clock:
    def __init__(self):
        self.time = NOON

    def __call__(self):
        return self.time


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("history")


@pytest.fixture(scope="module")
def store(folder):
    with closing(Store.open(folder)) as store:
        yield store


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def history(store, clock):
    return History(store, clock)


def sign_up(store):
    with store.writing() as session:
        name = f"person {next(NEW)}"
        session.add(account := Account(name=name, key=name, password_hash="", created=NOON))
    return account.id


@pytest.fixture
def anna(store):
    return sign_up(store)


@pytest.fixture
def bora(store):
    return sign_up(store)


def graded(name, grade, score, applies=True):
    entry = {"name": name, "grade": grade, "score": score, "probabilities": [0.25, 0.75], "confidence": 0.75}
    if not applies:
        entry |= dict.fromkeys(("grade", "score", "probabilities", "confidence"))
    return entry | {"applies": applies, "why_not": [] if applies else ["blurred"], "photos": [0]}


def report(*entries, model="net"):
    return {"model": model, "attributes": list(entries), "photos": [{"name": "볼.jpg", "part": "chin", "notes": []}]}


SHINE = graded("shine", 1, 0.75)
SEVERAL = report(SHINE, graded("lines", None, None, applies=False), graded("type", 1, None))


def photo(shade, part="chin"):
    pixels = np.full((30, 40, 3), shade, np.uint8)
    pixels[10:20] = 255 - shade
    return SimpleNamespace(pixels=pixels, part=part, name="IMG_1234.jpg")


def test_what_is_saved_comes_back(history, anna):
    saved = history.save(anna, SEVERAL)
    (result,) = history.results(anna)
    assert (result.id, result.when, result.model, result.age, result.sex) == (saved, NOON, "net", None, None)
    assert result.report == SEVERAL
    assert [(each.attribute, each.grade, each.score, each.confidence) for each in result.scores] == [
        ("shine", 1, 0.75, 0.75),
        ("type", 1, None, 0.75),
    ]
    assert history.photos(anna, saved) == []
    assert history.result(anna, saved).to_dict() == result.to_dict()
    assert json.loads(json.dumps(result.to_dict())) == {
        "id": saved,
        "when": "2026-03-01T12:00:00+00:00",
        "age": None,
        "sex": None,
        "report": SEVERAL,
    }


def test_age_and_sex_are_kept_where_they_are_given(history, anna):
    saved = [history.save(anna, SEVERAL, age=0), *(history.save(anna, SEVERAL, 31, sex) for sex in SEXES)]
    results = [history.result(anna, each) for each in saved]
    assert [(each.age, each.sex) for each in results] == [(0, None), *((31, sex) for sex in SEXES)]


@pytest.mark.parametrize("age", [-1, 121, 30.5, "31"])
def test_an_age_that_nobody_has_is_refused(age, history, anna):
    with pytest.raises(AgeError, match="a whole number of years from 0 to 120; correct it or leave it out"):
        history.save(anna, SEVERAL, age=age)
    assert history.results(anna) == []


def test_an_unknown_sex_is_refused(history, anna):
    with pytest.raises(SexError, match="one of female, male, other; choose one or leave it out"):
        history.save(anna, SEVERAL, sex="")
    assert history.results(anna) == []


def test_what_is_no_json_is_not_kept(history, anna):
    with pytest.raises(Exception, match="not JSON compliant"):
        history.save(anna, report(SHINE) | {"photos": [{"quality": {"blur": float("nan")}}]})
    assert history.results(anna) == []


def test_photos_are_encoded_anew(history, anna):
    given = [photo(40, "chin"), photo(200, None)]
    saved = history.save(anna, SEVERAL, photos=given)
    kept = history.photos(anna, saved)
    assert [each.part for each in kept] == ["chin", None]
    for each, original in zip(kept, given, strict=True):
        picture = Image.open(BytesIO(each.jpeg))
        assert picture.format == "JPEG"
        assert not picture.getexif()
        assert np.abs(np.asarray(picture).astype(int) - original.pixels).mean() < 4


def test_results_are_newest_first(history, anna, clock):
    for model, days in [("second", 1), ("third", 1), ("first", 0), ("last", 9)]:
        clock.time = NOON + days * DAY
        history.save(anna, report(SHINE, model=model))
    assert [each.model for each in history.results(anna)] == ["last", "third", "second", "first"]


def test_a_trend_has_a_point_for_each_result_that_an_attribute_applied_to(history, anna, bora, clock):
    assert history.trend(anna) == {}
    history.save(anna, report(SHINE, graded("type", 1, None)))
    clock.time += DAY
    history.save(anna, report(graded("lines", 2, 1.5), graded("shine", 0, 0.25), model="another"))
    clock.time += DAY
    history.save(anna, report(graded("shine", None, None, applies=False)))
    history.save(bora, report(SHINE))
    assert history.trend(anna) == {
        "shine": [(NOON, 0.75, 1, "net"), (NOON + DAY, 0.25, 0, "another")],
        "type": [(NOON, None, 1, "net")],
        "lines": [(NOON + DAY, 1.5, 2, "another")],
    }
    assert history.trend(anna)["shine"][0]._fields == ("when", "score", "grade", "model")


@pytest.mark.parametrize("ask", [History.result, History.photos, History.delete_result])
def test_anothers_result_is_as_little_there_as_none(ask, history, anna, bora):
    saved = history.save(anna, SEVERAL, 31, "female", [photo(40)])
    for account, result in [(bora, saved), (anna, saved + 1), (anna, -1), (bora, 0), (-1, saved)]:
        with pytest.raises(LookupError, match=f"^result {result}: not found$"):
            ask(history, account, result)
    assert history.result(anna, saved).age == 31
    assert len(history.photos(anna, saved)) == 1


def test_nothing_is_saved_for_an_account_that_is_gone(history, store, anna):
    with store.writing() as session:
        session.delete(session.get(Account, anna))
    with pytest.raises(LookupError, match=f"account {anna}: not found"):
        history.save(anna, SEVERAL, photos=[photo(40)])


def test_a_full_history_says_so(history, anna, bora, monkeypatch):
    monkeypatch.setattr(room, "MOST_RESULTS", 2)
    first = history.save(anna, SEVERAL)
    history.save(anna, SEVERAL)
    with pytest.raises(HistoryFullError, match=r"the history is full: .*; export it, and delete old results") as caught:
        history.save(anna, SEVERAL)
    assert isinstance(caught.value, HistoryError)
    assert caught.value.code == "history_full"
    assert history.save(bora, SEVERAL)
    history.delete_result(anna, first)
    assert history.save(anna, SEVERAL)


def test_so_many_photos_and_no_more_are_kept(history, anna, bora, monkeypatch):
    first = history.save(anna, SEVERAL, photos=[photo(40)])
    (kept,) = history.photos(anna, first)
    monkeypatch.setattr(room, "MOST_KEPT", 2 * len(kept.jpeg))
    history.save(anna, SEVERAL, photos=[photo(40)])
    with pytest.raises(HistoryFullError, match="MB of photos"):
        history.save(anna, SEVERAL, photos=[photo(40)])
    assert history.save(anna, SEVERAL)  # without photos
    assert history.save(bora, SEVERAL, photos=[photo(40)])
    history.delete_result(anna, first)
    assert history.save(anna, SEVERAL, photos=[photo(40)])


def test_an_export_holds_all_that_is_ones_own_and_nothing_else(history, anna, bora, clock):
    first = history.save(anna, SEVERAL, 31, "female", [photo(40), photo(80)])
    clock.time += DAY
    second = history.save(anna, report(graded("shine", 0, 0.125), model="피부"))
    history.save(bora, report(SHINE, model="another's"), 77, "male", [photo(120)])
    with ZipFile(BytesIO(history.export(anna))) as archive:
        assert archive.testzip() is None
        names = [f"photos/{first}-{number}.jpg" for number in (1, 2)]
        assert set(archive.namelist()) == {"results.csv", "results.json", *names}
        assert [archive.read(name) for name in names] == [each.jpeg for each in history.photos(anna, first)]
        results = json.loads(archive.read("results.json"))
        table = list(csv.reader(StringIO(archive.read("results.csv").decode())))
    assert results == [
        history.result(anna, second).to_dict() | {"photos": []},
        history.result(anna, first).to_dict() | {"photos": names},
    ]
    assert table == [
        ["result", "when", "model", "age", "sex", "attribute", "grade", "score", "confidence"],
        [str(second), "2026-03-02T12:00:00+00:00", "피부", "", "", "shine", "0", "0.125", "0.75"],
        [str(first), "2026-03-01T12:00:00+00:00", "net", "31", "female", "shine", "1", "0.75", "0.75"],
        [str(first), "2026-03-01T12:00:00+00:00", "net", "31", "female", "type", "1", "", "0.75"],
    ]


def test_an_export_of_nothing_is_a_table_without_rows(history, anna):
    with ZipFile(BytesIO(history.export(anna))) as archive:
        assert json.loads(archive.read("results.json")) == []
        assert len(archive.read("results.csv").decode().splitlines()) == 1


def test_what_is_deleted_is_gone_from_the_files_too(history, anna, bora, folder):
    hers = photo(137)  # as in no other test
    secret = [history.save(anna, report(model=f"secret-{number}"), photos=[hers]) for number in range(3)]
    kept = history.save(bora, report(model="not-secret"), photos=[photo(90)])
    jpeg = history.photos(anna, secret[0])[0].jpeg[-200:]

    def on_disk(content):
        return any(content in path.read_bytes() for path in folder.iterdir() if path.name.startswith(FILE))

    assert on_disk(b"secret-0")
    assert on_disk(jpeg)
    history.delete_result(anna, secret[0])
    assert not on_disk(b"secret-0")
    assert [each.id for each in history.results(anna)] == secret[:0:-1]
    history.delete_all(anna)
    assert history.results(anna) == []
    assert history.trend(anna) == {}
    assert not on_disk(b"secret-1")
    assert not on_disk(jpeg)
    assert on_disk(b"not-secret")
    assert len(history.photos(bora, kept)) == 1
    history.delete_all(anna)  # again is not an error


def test_many_may_save_at_once(history, anna, bora):
    def save(number):
        history.save((anna, bora)[number % 2], report(graded("shine", number, number / 2)), photos=[photo(number)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, range(40)))
    for account, numbers in [(anna, range(0, 40, 2)), (bora, range(1, 40, 2))]:
        assert sorted(each.grade for each in history.trend(account)["shine"]) == list(numbers)
        for result in history.results(account):
            (score,) = result.scores
            assert result.report["attributes"][0]["grade"] == score.grade == 2 * score.score
            assert len(history.photos(account, result.id)) == 1


SAVE = st.tuples(st.just("save"), st.integers(0, 1), st.integers(0, 4), st.integers(0, 3))
DELETE = st.tuples(st.just("delete"), st.integers(0, 1), st.integers(0, 1), st.integers(0, 9))
CLEAR = st.tuples(st.just("clear"), st.integers(0, 1), st.none(), st.none())


@given(steps=st.lists(SAVE | DELETE | CLEAR, max_size=12))
@settings(max_examples=25, deadline=None)
def test_two_histories_go_on_beside_each_other(store, steps):
    """As two plain lists do, oldest first."""
    clock = Clock()
    history = History(store, clock)
    accounts = [sign_up(store), sign_up(store)]
    expected = {account: [] for account in accounts}  # (id, when, grade)
    for what, who, first, second in steps:
        account = accounts[who]
        if what == "save":
            clock.time += second * DAY
            saved = history.save(account, report(graded("shine", first, first / 2)))
            expected[account].append((saved, clock.time, first))
        elif what == "clear":
            history.delete_all(account)
            expected[account].clear()
        elif second < len(expected[owner := accounts[first]]):
            entry = expected[owner][second]
            if owner == account:
                history.delete_result(account, entry[0])
                expected[owner].remove(entry)
            else:
                with pytest.raises(LookupError):
                    history.delete_result(account, entry[0])
    for account, entries in expected.items():
        assert [each.id for each in history.results(account)] == [each[0] for each in reversed(entries)]
        points = [(when, grade / 2, grade, "net") for _, when, grade in entries]
        assert history.trend(account).get("shine", []) == points
