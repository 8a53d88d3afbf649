"""What the page has to tell a tab until the tab reads it; nobody has to read, and nothing is kept without end."""

from asyncio import Queue
from typing import Any

from gradio.utils import LRUCache

MOST_UNREAD = 32  # messages to one tab, some three for each click, of which one shows the result; the oldest goes


class Unread(Queue[Any]):
    """Messages to one tab."""

    def put_nowait(self, item: Any) -> None:
        if self.full():
            self.get_nowait()
        super().put_nowait(item)


class Mailboxes(LRUCache[str, Queue[Any]]):
    """In the place of Gradio's own, which hold any number of messages, and let the oldest tab go though it is used."""

    def __getitem__(self, tab: str) -> Queue[Any]:
        self.move_to_end(tab)
        return super().__getitem__(tab)

    def __setitem__(self, tab: str, _: Queue[Any]) -> None:
        super().__setitem__(tab, Unread(MOST_UNREAD))
