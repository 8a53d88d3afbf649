"""The one door: every request, Gradio's own too, passes it before anything else sees it."""

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

from multiskin.serve.answers import Answer
from multiskin.serve.bodies import Body
from multiskin.serve.isolation import Isolation
from multiskin.serve.origin import OF_PROXIES, check_host, check_origin, from_here
from multiskin.serve.places import PHOTOS, Access, Place, find_place
from multiskin.serve.refusals import Refusal, busy
from multiskin.serve.sessions import Session, Sessions
from multiskin.serve.settings import Settings

MOST_LARGE = 64  # requests with photos at once, from their first byte to their answer
LOOKING = 8  # threads that look sessions up; those that score may all be waiting for the network
# What proxies say of a request is taken by the server, from proxies that it trusts; Gradio would take it from anybody.
LEFT_OUT = (*OF_PROXIES, b"x-gradio-")

log = logging.getLogger("multiskin.serve")


class Guard:
    """ASGI middleware: who asks, from where, for what and with how much.

    What passes has its session in `request.state.session`; None where anybody may ask and nobody is signed in. Whether
    it comes from this machine itself stands in `request.state.from_here`.

    Args:
        app: what is guarded.
        sessions: by which people are known.
        isolation: of what belongs to one session.
        settings: of the demo.
    """

    def __init__(self, app: ASGIApp, sessions: Sessions, isolation: Isolation, settings: Settings) -> None:
        self._app = app
        self._sessions = sessions
        self._isolation = isolation
        self._settings = settings
        self._looking = CapacityLimiter(LOOKING)
        self._large = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(self._settled(scope), receive, send)
        else:  # nothing here speaks through web sockets
            await send({"type": "websocket.close", "code": 1008})

    def _settled(self, scope: Scope) -> Scope:
        """With the path as browsers see it, be it that the proxy in front took its own part off or left it."""
        root = self._settings.root_path
        path = scope["path"] if f"{scope['path']}/".startswith(f"{root}/") else f"{root}{scope['path']}"
        headers = [(name, value) for name, value in scope["headers"] if not name.lower().startswith(LEFT_OUT)]
        state = dict(scope.get("state") or {}) | {"from_here": from_here(scope.get("client"), Headers(scope=scope))}
        return {**scope, "path": path, "root_path": root, "headers": headers, "state": state}

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = monotonic()
        told = f"{scope['method']} {_loggable(scope['path'])}"
        body = Body(receive, Headers(scope=scope))
        answer = Answer(send, body, located=self._settings.clinics is not None)
        try:
            await self._admit(scope, body, answer)
        except Refusal as refusal:
            await answer.refuse(refusal, scope)
        except Exception:
            if body.refusal is None:  # else it is what others made of that
                log.exception("%s failed", told)
            await answer.refuse(body.refusal or Refusal(500, "failed", "Something went wrong; it was noted."), scope)
        else:
            if body.refusal is not None:
                await answer.refuse(body.refusal, scope)
        finally:
            log.info("%s %d in %.3f s", told, answer.status, monotonic() - begun)

    async def _admit(self, scope: Scope, body: Body, answer: Answer) -> None:
        """By what can be told before anything is read or looked up."""
        headers = Headers(scope=scope)
        check_host(headers, self._settings.served_hosts)
        check_origin(scope["method"], headers)
        if scope["path"] == self._settings.root_path:
            return await RedirectResponse(f"{scope['path']}/", 307)(scope, body.receive, answer.send)
        place, named = find_place(scope["method"], scope["path"].removeprefix(self._settings.root_path))
        answer.place = place
        body.most = self._settings.max_bytes if place.most == PHOTOS else place.most
        body.check_announced()
        with self._room_for(place):
            await self._enter(scope, place, named, body, answer)
        return None

    async def _enter(self, scope: Scope, place: Place, named: dict[str, str], body: Body, answer: Answer) -> None:
        """By who asks, and by what of Gradio's is theirs."""
        session = None if place.kept else await self._session(Headers(scope=scope).get("cookie", ""))
        if session is None and place.access is Access.PAGE:
            if self._settings.members_only:
                to = f"{self._settings.root_path}/sign-in"
                return await RedirectResponse(to, 303)(scope, body.receive, answer.send)
            session, answer.cookie = self._sessions.new_guest(scope["scheme"] == "https")
        if session is None and place.access is Access.SESSION:
            raise Refusal(401, "no_session", "Open the page, sign in, or ask for a guest's session first.")
        scope["state"]["session"] = session
        receive: Receive = body.receive
        if session is not None:
            receive = await self._isolation.enter(place.gradio, named, scope, body, session.id)
        await self._app(scope, receive, answer.send)
        return None

    async def _session(self, cookies: str) -> Session | None:
        session = await to_thread.run_sync(self._sessions.find, cookies, limiter=self._looking)
        guest = session is not None and session.account_id is None
        return None if guest and self._settings.members_only else session

    @contextmanager
    def _room_for(self, place: Place) -> Iterator[None]:
        """Photos fill the disk while they come, and the memory while they are scored.

        Raises:
            Refusal: too many are there.
        """
        large = place.most == PHOTOS
        if large and self._large >= MOST_LARGE:
            raise busy()
        self._large += large
        try:
            yield
        finally:
            self._large -= large


def _loggable(path: str) -> str:
    """A path without what could be used, or could end the line."""
    return re.sub(r"(heartbeat/|file%3D).*", r"\1...", quote(path))[:100]
