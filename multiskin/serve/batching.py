"""One thread that works for all callers: what waits together is done together."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Condition, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Busy(Exception):  # noqa: N818  # no mistake, and it passes
    """So much is waiting that nothing more is taken; whoever asks again a little later may be served."""


class Closed(RuntimeError):  # noqa: N818  # likewise
    """The batcher works no more."""


class Batcher(Generic[Item, Result]):
    """Joins the items of all callers into batches; no item waits for others to come.

    Args:
        run: does a batch, and gives a result for each item, in order. A batch that fails is done again one by one, so
            that an error reaches the caller of the item that it is of, and no other.
        largest: items in a batch.
        waiting: items that may wait, besides those being done.
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
        """Leaves an item to be done.

        Raises:
            Busy: the queue is full.
            Closed: after `close`.
        """
        return self.submit_all([item])[0]

    def submit_all(self, items: Sequence[Item]) -> list[Future[Result]]:
        """Leaves items to be done, all of them or none.

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
        """Makes sure that so many items would be taken now.

        Raises:
            Busy: there is no room for all.
            Closed: after `close`.
        """
        with self._changed:
            if self._closed:
                raise Closed("nothing is taken any more")
            if len(self._queue) + items > self._most:
                raise Busy(f"{len(self._queue)} of {self._most} places are taken")

    def close(self) -> None:
        """Takes nothing more, does what waits, and comes back when all is done."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while self._do_next():
            pass  # and hold on to nothing: the last photo of the day is not to stay in memory

    def _do_next(self) -> bool:
        """Does a batch; false when there will be no more."""
        batch = self._next()
        # A caller may have gone; from here on none can, so that every future below takes its result.
        _answer(self._run, [(item, future) for item, future in batch if future.set_running_or_notify_cancel()])
        return bool(batch)

    def _next(self) -> list[tuple[Item, Future[Result]]]:
        """Whatever waits, up to a batch; nothing once the batcher is closed and all is done."""
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
    except BaseException as error:  # whatever it is, callers wait for an answer, and the thread has to go on
        if len(batch) == 1:
            batch[0][1].set_exception(error)
            return
    for each in batch:  # not above, where the error of one would come with that of all, and hold on to their items
        _answer(run, [each])
