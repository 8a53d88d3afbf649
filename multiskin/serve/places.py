"""What may be asked for, by whom and with how much; all else is not there.

Gradio serves many things that a demo has no use for, such as calls past its queue, proxies, recordings and monitoring,
and more with every version: only what its page needs is let through.
"""

import re
from enum import Enum, auto
from typing import NamedTuple

from multiskin.serve.refusals import Refusal, not_found

METHODS = ("GET", "HEAD", "POST", "DELETE")
FORM = 16_000  # bytes: names, passwords, settings
CALL = 2_000_000  # bytes: what Gradio's page sends with an event, which may hold a picture that it shows
PHOTOS = -1  # as many bytes as the demo's owner allows


class Access(Enum):
    """Who may ask."""

    ANYBODY = auto()
    PAGE = auto()  # somebody with a session; others get a guest's, or are sent to sign in
    SESSION = auto()  # somebody with a session


class Gradio(Enum):
    """Which of Gradio's own things a request names: each belongs to the session that made it."""

    NOTHING = auto()
    CALL = auto()  # a page, in a JSON body, which may name uploaded files too
    STREAM = auto()  # a page, in the address
    FILE = auto()  # an uploaded file, in the address


class Place(NamedTuple):
    """Something that may be asked for.

    Attributes:
        methods: HEAD goes with GET.
        path: a pattern of the whole of it.
        access: who may.
        most: bytes of a body.
        gradio: what of Gradio's is named.
        kept: whether browsers may keep it.
    """

    methods: str
    path: re.Pattern[str]
    access: Access = Access.SESSION
    most: int = FORM
    gradio: Gradio = Gradio.NOTHING
    kept: bool = False


def _place(methods: str, path: str, *rest: object, **options: object) -> Place:
    return Place(methods, re.compile(path, re.ASCII), *rest, **options)  # type: ignore[arg-type]


PLACES = (
    _place("GET", "/healthz", Access.ANYBODY),
    _place("GET POST", "/sign-in|/sign-up|/password", Access.ANYBODY),
    _place("POST", "/sign-out", Access.ANYBODY),
    _place("GET", r"/v1/openapi\.json", Access.ANYBODY),
    _place("POST", "/v1/guest|/v1/sign-in|/v1/sign-up|/v1/sign-out", Access.ANYBODY),
    _place("DELETE", "/v1/account"),
    _place("POST", "/v1/account/password"),
    _place("GET", "/v1/schema|/v1/export"),
    _place("POST", "/v1/clinics|/clinics"),
    _place("POST", "/v1/score", most=PHOTOS),
    _place("POST", "/v1/history", most=PHOTOS),
    _place("GET DELETE", "/v1/history"),
    _place("GET DELETE", r"/v1/history/\d{1,18}"),
    _place("GET", "/", Access.PAGE),
    _place("GET", r"/(assets|static|svelte)/[\w./-]+|/favicon\.ico|/theme\.css", Access.ANYBODY, kept=True),
    _place("GET", r"/gradio_api/theme\.css", Access.ANYBODY, kept=True),
    _place("GET", r"/manifest\.json|/robots\.txt", Access.ANYBODY),
    _place("GET", "/gradio_api/app_id"),
    _place("POST", "/gradio_api/upload", most=PHOTOS),
    _place("GET", "/gradio_api/upload_progress"),
    _place("GET", "/gradio_api/file=(?P<file>.+)", gradio=Gradio.FILE),
    _place("POST", r"/gradio_api/queue/join/?", most=CALL, gradio=Gradio.CALL),
    _place("GET", "/gradio_api/queue/data", gradio=Gradio.STREAM),
    _place("GET", r"/gradio_api/heartbeat/(?P<page>[\w-]+)", gradio=Gradio.STREAM),
)


def find_place(method: str, path: str) -> tuple[Place, dict[str, str]]:
    """The place that a request asks for, and what is named in its path.

    Raises:
        Refusal: there is none.
    """
    if method not in METHODS:
        raise Refusal(405, "method", f"{', '.join(METHODS)} are served here.")
    asked = "GET" if method == "HEAD" else method
    there = [(place, found) for place in PLACES if (found := place.path.fullmatch(path))]
    for place, found in there:
        if asked in place.methods.split():
            return place, found.groupdict()
    raise Refusal(405, "method", "This is not asked for in this way.") if there else not_found()
