"""Security headers on every answer."""

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from multiskin.serve.allowlist import Access, Endpoint
from multiskin.serve.bodies import Body
from multiskin.serve.refusals import Refusal

# Gradio's page contains inline scripts and styles, and compiles its event handlers from strings. All of it comes from
# this server. Other pages need no script at all.
GRADIO_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
PLAIN_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, forms would send "Origin: null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
}
# If there are clinics, the page may request the location from the browser, which asks the visitor for permission.
WITH_GEOLOCATION = {"Permissions-Policy": HEADERS["Permissions-Policy"].replace("geolocation=()", "geolocation=(self)")}
DROPPED = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
)  # by which Gradio would let pages of other origins read answers

KEPT = (200, 206, 304)


class Answer:
    """Sends an answer with security headers, unless the request's body was cut off: then a refusal follows instead.

    Args:
        send: the ASGI callable to send with.
        body: the body of the request.
        geolocation: whether the page may request the visitor's location.

    Attributes:
        status: the status sent; 0 if nothing was sent yet.
        endpoint: the route of the request; None if it matches none.
        cookie: an additional Set-Cookie header.
    """

    def __init__(self, send: Send, body: Body, geolocation: bool = False) -> None:
        self._send = send
        self._body = body
        self._geolocation = geolocation
        self.status = 0
        self.endpoint: Endpoint | None = None
        self.cookie: str | None = None

    async def send(self, message: Message) -> None:
        if self._body.refusal is not None and not self.status:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._add_headers(MutableHeaders(scope=message))
        await self._send(message)

    async def refuse(self, refusal: Refusal, scope: Scope) -> None:
        """Sends a refusal, unless an answer has begun."""
        self._body.refusal = None
        if not self.status:
            await refusal.response()(scope, self._body.receive, self.send)

    def _add_headers(self, headers: MutableHeaders) -> None:
        for name in DROPPED:
            del headers[name]
        page = self.endpoint is not None and self.endpoint.access is Access.PAGE
        headers.update(HEADERS | WITH_GEOLOCATION if page and self._geolocation else HEADERS)
        headers["Content-Security-Policy"] = GRADIO_POLICY if page else PLAIN_POLICY
        if self.endpoint is None or not self.endpoint.kept or self.status not in KEPT:
            headers["Cache-Control"] = "no-store"
        if self._body.pending:  # otherwise the server would read the rest of it
            headers["Connection"] = "close"
        if self.cookie is not None:
            headers.append("Set-Cookie", self.cookie)
