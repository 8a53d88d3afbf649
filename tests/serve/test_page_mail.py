"""What is told to a tab that reads nothing is bounded, and a tab that reads stays."""

from asyncio import Queue
from time import monotonic, sleep

import pytest

from multiskin.serve.page import create_page, mount_page, wiring
from multiskin.serve.page.mail import MOST_UNREAD, Mailboxes


def test_to_who_never_reads_only_the_latest_is_kept():
    boxes = Mailboxes(2)
    boxes["tab"] = Queue()
    for number in range(MOST_UNREAD + 5):
        boxes["tab"].put_nowait(number)
    assert [boxes["tab"].get_nowait() for _ in range(MOST_UNREAD)] == list(range(5, MOST_UNREAD + 5))
    assert boxes["tab"].empty()


def test_the_tab_that_was_not_used_for_longest_goes():
    boxes = Mailboxes(2)
    boxes["first"] = boxes["second"] = Queue()
    boxes["first"].put_nowait("hello")
    boxes["third"] = Queue()
    assert list(boxes) == ["first", "third"]
    assert boxes["first"].get_nowait() == "hello"


@pytest.fixture
def pages(open_demo, monkeypatch):
    """A tab of the real page, and what serves it."""
    monkeypatch.setattr(wiring, "example_pictures", lambda folder: [])
    pages = []

    def mount(app, services):
        pages.append(create_page(services))
        mount_page(app, pages[0], services.settings)

    return open_demo(mount), pages[0]


def test_a_tab_that_clicks_and_reads_nothing_fills_no_memory(pages):
    browser, page = pages
    browser.get("/")
    quick = next(
        number for number, fn in page.fns.items() if fn.fn and not fn.inputs and fn.outputs == [page_photo(page)]
    )
    for _ in range(MOST_UNREAD):  # each with three messages
        call = {"session_hash": "tab", "fn_index": quick, "data": []}
        assert browser.post("/gradio_api/queue/join", json=call).status_code == 200
    until(lambda: not page._queue.event_ids_to_events)
    assert 0 < page._queue.pending_messages_per_session["tab"].qsize() <= MOST_UNREAD


def page_photo(page):
    return next(block for block in page.blocks.values() if block.elem_id == "ms-photo")


def until(true, seconds=30):
    ends = monotonic() + seconds
    while not true():
        assert monotonic() < ends
        sleep(0.05)
