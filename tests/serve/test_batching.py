"""One thread for all callers: no answer is mixed up, none is lost, and nothing waits without bound."""

import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.serve.batching import Batcher, Busy, Closed

LIMIT = 10  # seconds, after which a test has failed


class Recorder:
    """Squares numbers, remembers the batches, and can be held up."""

    def __init__(self):
        self.batches = []
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, items):
        self.begun.set()
        assert self.go_on.wait(LIMIT)
        self.batches.append(items)
        if -1 in items:
            raise ZeroDivisionError("of this batch")
        return [item * item for item in items]


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def batcher(recorder):
    batcher = Batcher(recorder, largest=4, waiting=8)
    yield batcher
    recorder.go_on.set()
    batcher.close()


@pytest.fixture
def held_up(recorder, batcher):
    """A batcher whose thread is busy with the item 100, so that all that comes now waits."""
    recorder.go_on.clear()
    first = batcher.submit(100)
    assert recorder.begun.wait(LIMIT)
    return first


def test_every_caller_has_the_answer_to_its_own_item(recorder, batcher):
    def ask(item):
        while True:
            try:
                return batcher.submit(item).result(LIMIT)
            except Busy:
                time.sleep(0.001)

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(500))) == [item * item for item in range(500)]
    assert sorted(item for batch in recorder.batches for item in batch) == list(range(500))
    assert max(map(len, recorder.batches)) <= 4


def test_what_waits_together_is_done_together_and_in_order(recorder, batcher, held_up):
    futures = [batcher.submit(item) for item in range(6)]
    recorder.go_on.set()
    assert [future.result(LIMIT) for future in futures] == [item * item for item in range(6)]
    assert held_up.result(LIMIT) == 10_000
    assert recorder.batches == [[100], [0, 1, 2, 3], [4, 5]]


def test_an_item_does_not_wait_for_others_to_come(recorder, batcher):
    assert batcher.submit(3).result(LIMIT) == 9
    assert recorder.batches == [[3]]


def test_a_full_queue_takes_nothing_and_is_open_again_afterwards(recorder, batcher, held_up):
    futures = [batcher.submit(item) for item in range(7)]
    with pytest.raises(Busy, match="7 of 8 places"):
        batcher.submit_all([7, 8])
    with pytest.raises(Busy):
        batcher.require_room(2)
    batcher.require_room(1)
    futures.append(batcher.submit(7))
    with pytest.raises(Busy):
        batcher.submit(8)
    recorder.go_on.set()
    wait(futures, LIMIT)
    assert batcher.submit(9).result(LIMIT) == 81
    assert sorted(item for batch in recorder.batches for item in batch) == [*range(8), 9, 100]


def test_a_failure_reaches_the_caller_of_its_own_item_alone(recorder, batcher, held_up):
    futures = batcher.submit_all([1, -1, 2, 3, 4, 5])
    recorder.go_on.set()
    with pytest.raises(ZeroDivisionError, match="of this batch"):
        futures.pop(1).result(LIMIT)
    assert [future.result(LIMIT) for future in futures] == [1, 4, 9, 16, 25]
    assert recorder.batches == [[100], [1, -1, 2, 3], [1], [-1], [2], [3], [4, 5]]
    assert batcher.submit(6).result(LIMIT) == 36


def test_a_batch_without_an_answer_for_each_item_is_a_failure():
    batcher = Batcher(lambda items: items[:-1], largest=4, waiting=8)
    for future in [batcher.submit(1), *batcher.submit_all([2, 3])]:
        with pytest.raises(ValueError, match="zip"):
            future.result(LIMIT)
    batcher.close()


def test_a_caller_that_has_gone_costs_nothing(recorder, batcher, held_up):
    gone, here = batcher.submit_all([1, 2])
    assert gone.cancel()
    recorder.go_on.set()
    assert here.result(LIMIT) == 4
    assert recorder.batches == [[100], [2]]


def test_nothing_is_held_on_to_when_all_is_done():
    class Item:
        pass

    batcher = Batcher(lambda items: [0 for _ in items], largest=4, waiting=8)
    item = Item()
    held = weakref.ref(item)
    assert batcher.submit(item).result(LIMIT) == 0
    del item
    assert eventually(lambda: held() is None)
    batcher.close()


def eventually(true):
    deadline = time.monotonic() + LIMIT
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


def test_closing_does_what_waits_and_takes_nothing_more(recorder, batcher, held_up):
    futures = batcher.submit_all(list(range(6)))
    closing = threading.Thread(target=batcher.close)
    closing.start()
    recorder.go_on.set()
    closing.join(LIMIT)
    assert not closing.is_alive()
    assert [future.result(0) for future in futures] == [item * item for item in range(6)]
    with pytest.raises(Closed):
        batcher.submit(1)
    with pytest.raises(Closed):
        batcher.require_room(0)
    batcher.close()  # again


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.lists(st.lists(st.integers(0, 99), max_size=6), max_size=8))
def test_whatever_comes_is_done_once_and_in_order(largest, groups):
    done = []

    def run(items):
        done.append(items)
        return items

    batcher = Batcher(run, largest, waiting=48)
    futures = [future for group in groups for future in batcher.submit_all(group)]
    batcher.close()
    flat = [item for group in groups for item in group]
    assert [future.result(0) for future in futures] == flat
    assert [item for batch in done for item in batch] == flat
    assert all(1 <= len(batch) <= largest for batch in done)
