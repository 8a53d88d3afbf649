"""Middleware that every request passes first, including those for Gradio's own routes."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from multiskin.serve.allowlist import PHOTOS, Access, Endpoint, Gradio, find_endpoint
from multiskin.serve.answers import Answer
from multiskin.serve.bodies import Body
from multiskin.serve.isolation import Isolation
from multiskin.serve.origin import OF_PROXIES, check_host, check_origin, from_here
from multiskin.serve.refusals import Refusal, busy
from multiskin.serve.sessions import Session, Sessions
from multiskin.serve.settings import Settings

MOST_LARGE = 64  # concurrent requests with photos, from first byte to answer
SESSION_THREADS = 8  # for looking up sessions, apart from scoring threads, which may all be waiting for the network
# The server evaluates proxy headers, from trusted proxies only; Gradio would believe them from anybody.
DROPPED_HEADERS = (*OF_PROXIES, b"x-gradio-")

log = logging.getLogger("multiskin.serve")


class Guard:
    """ASGI middleware that checks host, origin, path, body size and session of every request.

    Requests that pass have their session in `request.state.session`, which is None if the path needs none and there is
    none. `request.state.from_here` tells whether a request comes from this machine.

    Args:
        app: the application to guard.
        sessions: finds the session of a cookie.
        isolation: keeps each session to its own Gradio pages and files.
        settings: the settings of the demo.
    """

    def __init__(self, app: ASGIApp, sessions: Sessions, isolation: Isolation, settings: Settings) -> None:
        self._app = app
        self._sessions = sessions
        self._isolation = isolation
        self._settings = settings
        self._session_threads = CapacityLimiter(SESSION_THREADS)
        self._large = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(self._normalized(scope), receive, send)
        else:  # nothing here uses WebSockets
            await send({"type": "websocket.close", "code": 1008})

    def _normalized(self, scope: Scope) -> Scope:
        """The scope with the path as browsers see it, whether or not the proxy in front strips the root path."""
        root = self._settings.root_path
        path = scope["path"] if f"{scope['path']}/".startswith(f"{root}/") else f"{root}{scope['path']}"
        headers = [(name, value) for name, value in scope["headers"] if not name.lower().startswith(DROPPED_HEADERS)]
        state = dict(scope.get("state") or {}) | {"from_here": from_here(scope.get("client"), Headers(scope=scope))}
        return {**scope, "path": path, "root_path": root, "headers": headers, "state": state}

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = monotonic()
        request_line = f"{scope['method']} {_loggable(scope['path'])}"
        body = Body(receive, Headers(scope=scope))
        answer = Answer(send, body, geolocation=self._settings.clinics is not None)
        try:
            await self._admit(scope, body, answer)
        except Refusal as refusal:
            await answer.refuse(refusal, scope)
        except Exception:
            if body.refusal is None:  # otherwise the error only follows from the refused body
                log.exception("%s failed", request_line)
            failure = Refusal(500, "failed", "Something went wrong; the error was logged.")
            await answer.refuse(body.refusal or failure, scope)
        else:
            if body.refusal is not None:
                await answer.refuse(body.refusal, scope)
        finally:
            log.info("%s %d in %.3f s", request_line, answer.status, monotonic() - started)

    async def _admit(self, scope: Scope, body: Body, answer: Answer) -> None:
        """Checks what can be checked before the body is read or the session looked up."""
        headers = Headers(scope=scope)
        check_host(headers, self._settings.served_hosts)
        check_origin(scope["method"], headers)
        if scope["path"] == self._settings.root_path:
            return await RedirectResponse(f"{scope['path']}/", 307)(scope, body.receive, answer.send)
        endpoint, named = find_endpoint(scope["method"], scope["path"].removeprefix(self._settings.root_path))
        answer.endpoint = endpoint
        body.most = self._settings.max_bytes if endpoint.most == PHOTOS else endpoint.most
        body.check_announced()
        with self._room_for(endpoint):
            await self._enter(scope, endpoint, named, body, answer)
        return None

    async def _enter(self, scope: Scope, endpoint: Endpoint, named: dict[str, str], body: Body, answer: Answer) -> None:
        """Checks the session, and that the Gradio pages and files named in the request belong to it."""
        session = None if endpoint.kept else await self._session(Headers(scope=scope).get("cookie", ""))
        if session is None and endpoint.access is Access.PAGE:
            if self._settings.members_only:
                to = f"{self._settings.root_path}/sign-in"
                return await RedirectResponse(to, 303)(scope, body.receive, answer.send)
            session, answer.cookie = self._sessions.new_guest(scope["scheme"] == "https")
        if session is None and endpoint.access is Access.SESSION:
            raise Refusal(401, "no_session", "Open the page, sign in, or request a guest session first.")
        scope["state"]["session"] = session
        receive: Receive = body.receive
        if session is not None:
            receive = await self._isolation.enter(endpoint.gradio, named, scope, body, session.id)
        if scope["method"] == "HEAD" and endpoint.gradio is Gradio.NOTHING:  # Gradio's streams would begin
            scope = {**scope, "method": "GET"}  # which alone FastAPI's routes know; the server drops the body
        await self._app(scope, receive, answer.send)
        return None

    async def _session(self, cookies: str) -> Session | None:
        session = await to_thread.run_sync(self._sessions.find, cookies, limiter=self._session_threads)
        guest = session is not None and session.account_id is None
        return None if guest and self._settings.members_only else session

    @contextmanager
    def _room_for(self, endpoint: Endpoint) -> Iterator[None]:
        """Limits concurrent requests with photos, which take disk space on arrival and memory while being scored.

        Raises:
            Refusal: too many such requests are in progress.
        """
        large = endpoint.most == PHOTOS
        if large and self._large >= MOST_LARGE:
            raise busy()
        self._large += large
        try:
            yield
        finally:
            self._large -= large


def _loggable(path: str) -> str:
    """A path for the log: without page and file identifiers, which are private, and without line breaks."""
    return re.sub(r"(heartbeat/|file%3D).*", r"\1...", quote(path))[:100]
