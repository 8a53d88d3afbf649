"""A request's body, which comes from anybody: no larger and no slower than allowed."""

import asyncio
from time import monotonic

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from multiskin.serve.refusals import Refusal

PAUSE = 15.0  # seconds without a byte
PATIENCE = 120.0  # seconds for the whole; a phone on a slow line sends 20 MB in less


class Body:
    """Receives a request's body and counts it as it comes, whatever its headers say.

    Args:
        receive: what it comes from.
        headers: of the request.

    Attributes:
        most: bytes that are taken.
        refusal: why it was cut off, if it was; whoever was reading it may have answered something else to that.
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
        """Refuses by the headers alone, before a byte is read.

        Raises:
            Refusal: too large.
        """
        if not self._length.isdecimal() or int(self._length[:20]) > self.most:
            raise self._too_large()

    @property
    def pending(self) -> bool:
        """Whether some of it is still to come."""
        return self._announced and not self._whole

    async def receive(self) -> Message:
        """The next part.

        Raises:
            Refusal: too large, or too slow.
        """
        if self._whole:  # what is still received is whether the caller has gone
            return await self._receive()
        left = self._ends - monotonic()
        try:
            if left <= 0:  # though something may be there
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
        """The whole of it.

        Raises:
            Refusal: too large, too slow, or broken off.
        """
        parts = []
        while not self._whole:
            message = await self.receive()
            if message["type"] != "http.request":
                raise Refusal(400, "cut_short", "The request broke off.")
            parts.append(message.get("body", b""))
        return b"".join(parts)

    def _too_large(self) -> Refusal:
        limit = f"{self.most / 1e6:.0f} MB" if self.most >= 1e6 else f"{self.most // 1000} kB"
        return Refusal(413, "too_large", f"The request is too large: at most {limit} are taken.")
