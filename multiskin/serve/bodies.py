"""Limits on the size and duration of request bodies."""

import asyncio
from time import monotonic

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from multiskin.serve.refusals import Refusal

PAUSE = 15.0  # seconds between two messages
PATIENCE = 120.0  # seconds for the whole body; enough for 20 MB over a slow mobile connection


class Body:
    """Receives a request's body and counts its bytes as they arrive, whatever the headers say.

    Args:
        receive: the ASGI callable to receive from.
        headers: the request's headers.

    Attributes:
        most: maximum number of bytes.
        refusal: why the body was cut off; None if it was not. It takes precedence over any answer of the application.
    """

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        self.most = 0
        self._ends = monotonic() + PATIENCE
        self._bytes = 0
        self._length = headers.get("content-length", "0")
        self._announced = self._length != "0" or "transfer-encoding" in headers
        self._whole = False
        self.refusal: Refusal | None = None

    def check_announced(self) -> None:
        """Checks the size that the headers announce, before any byte is read.

        Raises:
            Refusal: too large.
        """
        if not self._length.isdecimal() or int(self._length[:20]) > self.most:
            raise self._too_large()

    @property
    def pending(self) -> bool:
        """Whether part of the body has not been received yet."""
        return self._announced and not self._whole

    async def receive(self) -> Message:
        """The next message.

        Raises:
            Refusal: too large, or too slow.
        """
        if self._whole:  # the only message left is that the client has disconnected
            return await self._receive()
        left = self._ends - monotonic()
        try:
            if left <= 0:  # even if a message is available
                raise TimeoutError
            async with asyncio.timeout(min(PAUSE, left)):
                message = await self._receive()
        except TimeoutError:
            self.refusal = Refusal(408, "slow", "The request took too long to arrive.")
            raise self.refusal from None
        self._bytes += len(message.get("body", b""))
        if self._bytes > self.most:
            self.refusal = self._too_large()
            raise self.refusal
        self._whole = not message.get("more_body", False)
        return message

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            Refusal: too large, too slow, or incomplete.
        """
        parts = []
        while not self._whole:
            message = await self.receive()
            if message["type"] != "http.request":
                raise Refusal(400, "cut_short", "The request is incomplete.")
            parts.append(message.get("body", b""))
        return b"".join(parts)

    def _too_large(self) -> Refusal:
        limit = f"{self.most / 1e6:.0f} MB" if self.most >= 1e6 else f"{self.most // 1000} kB"
        return Refusal(413, "too_large", f"The request is too large; send at most {limit}.")
