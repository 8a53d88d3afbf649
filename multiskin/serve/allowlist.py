"""The allowlist of routes, with who may request them and how large the body may be; all else is answered with 404.

Gradio serves many routes that the demo has no use for, such as calls that bypass its queue, proxies, recordings and
monitoring, and adds more with every version; only those that its page needs are allowed.
"""

import re
from enum import Enum, auto
from typing import NamedTuple

from multiskin.serve.refusals import Refusal, not_found

METHODS = ("GET", "HEAD", "POST", "DELETE")
FORM = 16_000  # bytes: names, passwords, settings
CALL = 2_000_000  # bytes: an event of Gradio's page, which may contain a picture that it shows
PHOTOS = -1  # the limit from the settings


class Access(Enum):
    """Who may request a route."""

    ANYBODY = auto()
    PAGE = auto()  # clients with a session; others get a guest session, or are redirected to sign in
    SESSION = auto()  # clients with a session


class Gradio(Enum):
    """Which of Gradio's pages and files a request names; each belongs to the session that created it."""

    NOTHING = auto()
    CALL = auto()  # a page in a JSON body, which may also name uploaded files
    STREAM = auto()  # a page in the URL
    FILE = auto()  # an uploaded file in the URL


class Endpoint(NamedTuple):
    """A route that is allowed.

    Attributes:
        methods: HTTP methods, separated by spaces; GET includes HEAD.
        path: a pattern that the whole path has to match.
        access: who may request it.
        most: maximum bytes of the body.
        gradio: which of Gradio's pages and files the request names.
        kept: whether browsers may cache the answer.
    """

    methods: str
    path: re.Pattern[str]
    access: Access = Access.SESSION
    most: int = FORM
    gradio: Gradio = Gradio.NOTHING
    kept: bool = False


def _endpoint(methods: str, path: str, *rest: object, **options: object) -> Endpoint:
    return Endpoint(methods, re.compile(path, re.ASCII), *rest, **options)  # type: ignore[arg-type]


ENDPOINTS = (
    _endpoint("GET", "/healthz", Access.ANYBODY),
    _endpoint("GET POST", "/sign-in|/sign-up|/password", Access.ANYBODY),
    _endpoint("POST", "/sign-out", Access.ANYBODY),
    _endpoint("GET", r"/v1/openapi\.json", Access.ANYBODY),
    _endpoint("POST", "/v1/guest|/v1/sign-in|/v1/sign-up|/v1/sign-out", Access.ANYBODY),
    _endpoint("DELETE", "/v1/account"),
    _endpoint("POST", "/v1/account/password"),
    _endpoint("GET", "/v1/schema|/v1/export"),
    _endpoint("POST", "/v1/clinics|/clinics"),
    _endpoint("POST", "/v1/score", most=PHOTOS),
    _endpoint("POST", "/v1/history", most=PHOTOS),
    _endpoint("GET DELETE", "/v1/history"),
    _endpoint("GET DELETE", r"/v1/history/\d{1,18}"),
    _endpoint("GET", "/", Access.PAGE),
    _endpoint("GET", r"/(assets|static|svelte)/[\w./-]+|/favicon\.ico|/theme\.css", Access.ANYBODY, kept=True),
    _endpoint("GET", r"/gradio_api/theme\.css", Access.ANYBODY, kept=True),
    _endpoint("GET", r"/manifest\.json|/robots\.txt", Access.ANYBODY),
    _endpoint("GET", "/gradio_api/app_id"),
    _endpoint("POST", "/gradio_api/upload", most=PHOTOS),
    _endpoint("GET", "/gradio_api/upload_progress"),
    _endpoint("GET", "/gradio_api/file=(?P<file>.+)", gradio=Gradio.FILE),
    _endpoint("POST", r"/gradio_api/queue/join/?", most=CALL, gradio=Gradio.CALL),
    _endpoint("GET", "/gradio_api/queue/data", gradio=Gradio.STREAM),
    _endpoint("GET", r"/gradio_api/heartbeat/(?P<page>[\w-]+)", gradio=Gradio.STREAM),
)


def find_endpoint(method: str, path: str) -> tuple[Endpoint, dict[str, str]]:
    """The route that a request matches, and the named groups of its path.

    Raises:
        Refusal: no route matches.
    """
    if method not in METHODS:
        raise Refusal(405, "method", f"Only {', '.join(METHODS)} are supported.")
    asked = "GET" if method == "HEAD" else method
    there = [(endpoint, found) for endpoint in ENDPOINTS if (found := endpoint.path.fullmatch(path))]
    for endpoint, found in there:
        if asked in endpoint.methods.split():
            return endpoint, found.groupdict()
    raise Refusal(405, "method", f"This path does not support {method}.") if there else not_found()
