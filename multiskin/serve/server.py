"""The web server of the demo."""

import socket

import uvicorn
from fastapi import FastAPI

from multiskin.serve.page import end_streams


class Server(uvicorn.Server):
    """Serves until it is told to stop, and then ends the streams of open pages.

    Browsers hold a stream for as long as a page is open. Otherwise the server would wait for all of them in vain, and
    log an error for each.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        assert isinstance(self.config.app, FastAPI)
        end_streams(self.config.app)
        await super().shutdown(sockets)
