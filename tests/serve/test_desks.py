"""What a tab works on is forgotten in time, and found by nobody else; a file that was sent is gone once it is read."""

import numpy as np
import pytest

from multiskin.serve import desks as desks_module
from multiskin.serve.desks import CLOSED, MINUTES, MOST_DESKS, MOST_IN_ALL, MOST_PHOTOS, Desks
from multiskin.serve.page.upload import take
from multiskin.serve.report import Photo, Report

PHOTO = Photo(np.zeros((1, 1, 3), np.uint8))
REPORT = Report((), (), "model")


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def desks(clock, monkeypatch):
    monkeypatch.setattr(desks_module, "Timer", NoTimer)
    return Desks(lambda: clock[0])


class NoTimer:
    """Is wound, and never goes off by itself."""

    wound = 0

    def __init__(self, seconds, tidy) -> None:
        self.daemon = False

    def start(self) -> None:
        assert self.daemon
        NoTimer.wound += 1


def test_a_desk_is_of_one_session_and_one_tab(desks):
    desks.of("mina", "tab").put([PHOTO], None)
    assert desks.of("mina", "tab").photos == [PHOTO]
    assert desks.of("jun", "tab").photos == []
    assert desks.of("mina", "other").photos == []


def test_it_is_forgotten_soon_when_the_tab_is_closed(desks, clock):
    desks.of("mina", "tab").put([PHOTO], None)
    desks.close("jun", "tab")
    clock[0] += CLOSED + 1
    assert desks.of("mina", "tab").photos
    desks.close("mina", "tab")
    clock[0] += CLOSED + 1
    assert not desks.of("mina", "tab").photos


def test_it_is_not_forgotten_when_the_connection_breaks_for_a_moment(desks, clock):
    desks.of("mina", "tab").put([PHOTO], None)
    desks.close("mina", "tab")
    assert desks.of("mina", "tab").photos
    clock[0] += CLOSED + 1
    assert desks.of("mina", "tab").photos


def test_a_page_that_ended_before_its_form_was_asked_for_is_set_aside(desks):
    desks.of("guest", "tab").put([PHOTO], REPORT)
    desks.close("guest", "tab")
    desks.take_over(desks.set_aside("guest", "tab"), "guest", "mina")
    assert desks.of("mina", "tab").report is REPORT


def test_it_is_forgotten_when_nobody_comes_back(desks, clock):
    desks.of("mina", "tab").put([PHOTO], None)
    clock[0] += 60 * MINUTES - 1
    assert desks.of("mina", "tab").photos
    clock[0] += 60 * MINUTES - 1  # since the last use
    desks.tidy()
    assert len(desks) == 1
    clock[0] += 2
    desks.tidy()
    assert len(desks) == 0


def test_one_timer_runs_while_there_is_something_to_forget(desks, clock):
    NoTimer.wound = 0
    desks.of("mina", "tab")
    desks.of("jun", "tab")
    assert NoTimer.wound == 1
    desks.tidy()
    assert NoTimer.wound == 2
    clock[0] += 60 * MINUTES + 1
    desks.tidy()
    assert NoTimer.wound == 2


def test_the_one_unused_for_longest_makes_room(desks):
    for number in range(MOST_DESKS):
        desks.of("s", str(number))
    desks.of("s", "0")
    desks.of("s", "one more")
    assert len(desks) == MOST_DESKS
    assert ("s", "0") in desks._desks
    assert ("s", "1") not in desks._desks


def test_photos_make_room_for_photos_and_not_for_those_who_only_look(desks):
    desks.of("s", "looks around")
    full = MOST_IN_ALL // MOST_PHOTOS
    for number in range(full):
        desks.of("s", str(number)).put([PHOTO] * MOST_PHOTOS, None)
    assert all(desks._desks["s", str(number)].photos for number in range(full))
    desks.of("s", "one more").put([PHOTO], None)
    assert ("s", "0") not in desks._desks
    assert all(desks._desks["s", str(number)].photos for number in range(1, full))
    assert ("s", "looks around") in desks._desks


def test_a_saved_result_is_saved_no_longer_when_another_takes_its_place(desks):
    mine = desks.of("mina", "tab")
    mine.saved = True
    mine.put([PHOTO], None)
    assert not mine.saved


def test_what_a_guest_set_aside_is_taken_over_by_who_has_the_word_once(desks):
    desks.of("guest", "tab").put([PHOTO], REPORT)
    word = desks.set_aside("guest", "tab")
    desks.close("guest", "tab")  # the form takes the place of the page
    assert desks.set_aside("guest", "tab", word) == word  # shown again, in another language
    desks.take_over(word, "guest", "mina")
    desks.take_over(word, "guest", "jun")
    assert desks.of("jun", "tab").report is None
    assert desks.of("guest", "new tab").report is None
    mine = desks.of("mina", "tab")
    assert (mine.photos, mine.report, mine.saved) == ([PHOTO], REPORT, False)
    assert desks.of("mina", "tab") is mine
    assert desks.of("mina", "another tab").report is None


@pytest.mark.parametrize("word", ["", "guessed", "\ud800"])
def test_without_the_word_nothing_is_taken_over(desks, word):
    desks.take_over(word, "guest", "jun")
    desks.of("guest", "tab").put([PHOTO], REPORT)
    desks.set_aside("guest", "tab")
    desks.close("guest", "tab")
    desks.take_over(word, "guest", "jun")
    assert desks.of("jun", "tab").report is None
    assert desks.of("guest", "new tab").report is None  # another person may open it
    assert desks.set_aside("guest", "tab", word) == ""


@pytest.mark.parametrize(("tab", "model"), [("one", "newer"), ("two", "older"), (None, "newer")])
def test_the_report_of_a_tab_or_the_one_used_last_is_set_aside(desks, tab, model):
    desks.of("guest", "one").put([PHOTO], Report((), (), "newer"))
    desks.of("guest", "two").put([PHOTO], Report((), (), "older"))
    desks.of("guest", "one")
    desks.of("guest", "looks around")
    desks.of("jun", "tab").put([PHOTO], REPORT)
    desks.take_over(desks.set_aside("guest", tab), "guest", "mina")
    assert desks.of("mina", "tab").report.model == model


@pytest.mark.parametrize(
    ("session", "tab"), [("nobody", None), ("guest", ""), ("guest", "guessed"), ("guest", "empty")]
)
def test_nothing_else_is_set_aside(desks, session, tab):
    desks.of("guest", "tab").put([PHOTO], REPORT)
    desks.of("guest", "empty")
    desks.set_aside("guest", "tab")
    assert desks.set_aside(session, tab) == ""


def test_what_is_done_meanwhile_leaves_what_was_set_aside_as_it_is(desks):
    desks.of("guest", "tab").put([PHOTO], REPORT)
    word = desks.set_aside("guest", "tab")
    desks.of("guest", "tab").put([], None)
    desks.take_over(word, "guest", "mina")
    assert desks.of("mina", "tab").report is REPORT


def test_it_is_forgotten_as_all_else_is(desks, clock):
    desks.of("guest", "tab").put([PHOTO], REPORT)
    word = desks.set_aside("guest", "tab")
    clock[0] += 60 * MINUTES + 1
    desks.tidy()
    assert len(desks) == 0
    desks.take_over(word, "guest", "mina")
    assert desks.of("mina", "tab").report is None


def test_with_a_session_end_its_desks(desks):
    desks.of("mina", "tab").put([PHOTO], REPORT)
    desks.set_aside("mina", None)
    desks.of("jun", "tab")
    desks.end("mina")
    assert len(desks) == 1


def test_a_file_is_gone_once_it_is_read(tmp_path):
    file = tmp_path / "random" / "photo.jpg"
    file.parent.mkdir()
    file.write_bytes(b"photo")
    assert take({"path": str(file)}) == ("photo.jpg", b"photo")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match=r"photo\.jpg"):
        take({"path": str(file)})


def test_it_goes_even_if_it_cannot_be_read_and_others_stay(tmp_path, monkeypatch):
    file, other = tmp_path / "photo.jpg", tmp_path / "other.jpg"
    file.write_bytes(b"photo")
    other.write_bytes(b"photo")
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda _: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        take({"path": str(file)})
    assert list(tmp_path.iterdir()) == [other]
