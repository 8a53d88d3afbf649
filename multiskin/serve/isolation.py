"""Keeps each session to its own Gradio pages and uploaded files.

Gradio itself gives a page's state and events to anyone who knows its session_hash, which browsers choose, and files to
anyone who knows their path.
"""

import json
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope

from multiskin.serve.allowlist import Gradio
from multiskin.serve.bodies import Body
from multiskin.serve.inbox import Inbox
from multiskin.serve.refusals import Refusal, not_found

MOST_PAGES = 20_000  # pages whose owner is remembered; twice as many as Gradio keeps state for by default
LONGEST_NAME = 64  # characters of a session_hash


class Isolation:
    """Restricts each session to its own pages and files.

    Args:
        inbox: the uploaded files.
    """

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self._pages: OrderedDict[str, str] = OrderedDict()  # session_hash -> session

    async def enter(self, names: Gradio, named: dict[str, str], scope: Scope, body: Body, session: str) -> Receive:
        """Checks everything that a request names, and returns the callable to receive its body from.

        Raises:
            Refusal: it names something of another session, or is malformed.
        """
        if names is Gradio.FILE:
            self.inbox.require(session, named["file"])
        if names is Gradio.STREAM:
            self._claim(session, named.get("page") or _page_of_query(scope))
        if names is Gradio.CALL:
            return await self._enter_call(scope, body, session)
        return body.receive

    async def _enter_call(self, scope: Scope, body: Body, session: str) -> Receive:
        call = _parse(await body.read())
        self._claim(session, call.get("session_hash"))
        for path in _paths(call):
            self.inbox.require(session, path)
        # Gradio gets what was checked, since its parser might read the same bytes differently.
        return _replay(scope, json.dumps(call).encode(), body.receive)

    def _claim(self, session: str, page: Any) -> None:
        """Assigns a page to the session that names it first, and refuses it to all others."""
        if not isinstance(page, str) or not 0 < len(page) <= LONGEST_NAME:
            raise not_found()
        if self._pages.setdefault(page, session) != session:
            raise not_found()
        self._pages.move_to_end(page)
        if len(self._pages) > MOST_PAGES:
            self._pages.popitem(last=False)


def _page_of_query(scope: Scope) -> str | None:
    """The session_hash in the query if there is exactly one; all other parameters are removed from the scope."""
    pages = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [])
    if len(pages) != 1:
        return None
    scope["query_string"] = urlencode({"session_hash": pages[0]}).encode()
    return pages[0]


def _parse(content: bytes) -> dict[str, Any]:
    try:
        call = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "malformed", "The body is not valid JSON.") from error
    if not isinstance(call, dict):
        raise Refusal(400, "malformed", "The body is not a JSON object.")
    return call


def _paths(value: Any) -> Iterator[str]:
    """Every file path in a call, at any depth."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if each.get("path") is not None:
                yield str(each["path"])
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)


def _replay(scope: Scope, content: bytes, after: Receive) -> Receive:
    """Receives this content in place of the original body, and then whatever follows that."""
    MutableHeaders(scope=scope)["Content-Length"] = str(len(content))
    begun = False

    async def receive() -> Message:
        nonlocal begun
        if begun:
            return await after()
        begun = True
        return {"type": "http.request", "body": content, "more_body": False}

    return receive
