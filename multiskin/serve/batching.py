"""A thread that processes the items of all callers in batches."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Condition, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Busy(Exception):  # noqa: N818  # a temporary state, not an error
    """The queue is full; try again a little later."""


class Closed(RuntimeError):  # noqa: N818  # likewise
    """The batcher is closed."""


class Batcher(Generic[Item, Result]):
    """Combines the items of all callers into batches; a batch takes what is waiting, without waiting for more.

    Args:
        run: processes a batch and returns one result per item, in order. If a batch fails, its items are retried one
            by one, so that only callers whose own item fails get an error.
        largest: maximum number of items in a batch.
        waiting: maximum number of items that wait, not counting those being processed.
    """

    def __init__(self, run: Callable[[list[Item]], Sequence[Result]], largest: int, waiting: int) -> None:
        self._run = run
        self._largest = largest
        self._most = waiting
        self._queue: deque[tuple[Item, Future[Result]]] = deque()
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    def submit(self, item: Item) -> Future[Result]:
        """Queues an item.

        Raises:
            Busy: the queue is full.
            Closed: after `close`.
        """
        return self.submit_all([item])[0]

    def submit_all(self, items: Sequence[Item]) -> list[Future[Result]]:
        """Queues all items or none.

        Raises:
            Busy: there is no room for all.
            Closed: after `close`.
        """
        futures: list[Future[Result]] = [Future() for _ in items]
        with self._changed:
            self.require_room(len(items))
            self._queue.extend(zip(items, futures, strict=True))
            self._changed.notify()
        return futures

    def require_room(self, items: int) -> None:
        """Makes sure that the queue has room for so many items now.

        Raises:
            Busy: there is no room for all.
            Closed: after `close`.
        """
        with self._changed:
            if self._closed:
                raise Closed("the batcher is closed")
            if len(self._queue) + items > self._most:
                raise Busy(f"{len(self._queue)} of {self._most} places in the queue are taken")

    def close(self) -> None:
        """Stops accepting items, and returns once those in the queue are processed."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while self._do_next():
            pass  # keeps no reference to the batch, so that the last photo does not stay in memory

    def _do_next(self) -> bool:
        """Processes a batch; False if there will be no more."""
        batch = self._next()
        # Drops cancelled futures; the others can no longer be cancelled, so that setting their results cannot fail.
        _answer(self._run, [(item, future) for item, future in batch if future.set_running_or_notify_cancel()])
        return bool(batch)

    def _next(self) -> list[tuple[Item, Future[Result]]]:
        """Waits for items and takes up to a batch; nothing once the batcher is closed and the queue is empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            return [self._queue.popleft() for _ in range(min(len(self._queue), self._largest))]


def _answer(run: Callable[[list[Item]], Sequence[Result]], batch: list[tuple[Item, Future[Result]]]) -> None:
    if not batch:
        return
    try:
        results = run([item for item, _ in batch])
        for (_, future), result in list(zip(batch, results, strict=True)):
            future.set_result(result)
        return
    except BaseException as error:  # whatever it is, callers wait for a result, and the thread has to continue
        if len(batch) == 1:
            batch[0][1].set_exception(error)
            return
    # Outside `except`, or the batch's error would be the context of each item's error and keep the batch in memory.
    for each in batch:
        _answer(run, [each])
