"""Bounded queues of messages from the page to each tab, since a tab may never read them."""

from asyncio import Queue
from typing import Any

from gradio.utils import LRUCache

MOST_UNREAD = 32  # messages per tab, after which the oldest is dropped; a click causes about three


class Unread(Queue[Any]):
    """The unread messages of one tab."""

    def put_nowait(self, item: Any) -> None:
        if self.full():
            self.get_nowait()
        super().put_nowait(item)


class Mailboxes(LRUCache[str, Queue[Any]]):
    """Replaces Gradio's own, whose queues are unbounded and which evicts the oldest tab even if it is in use."""

    def __getitem__(self, tab: str) -> Queue[Any]:
        self.move_to_end(tab)
        return super().__getitem__(tab)

    def __setitem__(self, tab: str, _: Queue[Any]) -> None:
        super().__setitem__(tab, Unread(MOST_UNREAD))
