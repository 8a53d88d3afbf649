"""The pages to sign in and sign up: plain forms, which need no script."""

import math
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import cast

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from multiskin.serve import signing
from multiskin.serve.accounts import AccountError, TooMany
from multiskin.serve.api.errors import refusal_of
from multiskin.serve.services import Services
from multiskin.serve.texts import COOKIE, preferred

LANGUAGES = {"en": "English", "ko": "한국어"}
Sign = Callable[[Services, Request, str, str], Awaitable[str]]
SIGN: dict[str, Sign] = {"sign_in": signing.sign_in, "sign_up": signing.sign_up}


async def show(request: Request) -> Response:
    """The empty form."""
    return _page(request)


async def send(request: Request) -> Response:
    """What the form sends: on to the demo, or the form again with what is wrong."""
    services = _services(request)
    form = await request.form(max_files=0, max_fields=8)
    name, password = str(form.get("name", "")), str(form.get("password", ""))
    try:
        cookie = await SIGN[_purpose(request)](services, request, name, password)
    except AccountError as error:
        return _page(request, name, error)
    return RedirectResponse(f"{services.settings.root_path}/", 303, {"Set-Cookie": cookie})


async def leave(request: Request) -> Response:
    """Signed out, to the form again, or to the demo as a guest."""
    services = _services(request)
    cookie = await signing.sign_out(services, request)
    to = "sign-in" if services.settings.members_only else ""
    return RedirectResponse(f"{services.settings.root_path}/{to}", 303, {"Set-Cookie": cookie})


ROUTES = [
    Route("/sign-in", show, methods=["GET"]),
    Route("/sign-in", send, methods=["POST"]),
    Route("/sign-up", show, methods=["GET"]),
    Route("/sign-up", send, methods=["POST"]),
    Route("/sign-out", leave, methods=["POST"]),
]


def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


def _purpose(request: Request) -> str:
    return "sign_up" if request.url.path.endswith("/sign-up") else "sign_in"


def _page(request: Request, name: str = "", error: AccountError | None = None) -> Response:
    settings = _services(request).settings
    language = _language(request, settings.language)
    words = _words()[language]
    refusal = None if error is None else refusal_of(error)
    content = (
        _template()
        .get_template("entrance.html.jinja")
        .render(
            purpose=_purpose(request),
            language=language,
            languages=LANGUAGES,
            words=words,
            name=name,
            problem=_problem(error, words),
            root_path=settings.root_path,
            guests=not settings.members_only,
        )
    )
    response = HTMLResponse(content, 200 if refusal is None else refusal.status)
    if refusal is not None:
        response.headers.update(refusal.headers)
    return response


def _problem(error: AccountError | None, words: dict[str, str]) -> str:
    if error is None:
        return ""
    wait = math.ceil(error.retry_after / 60) if isinstance(error, TooMany) else 0
    return words[error.code].format(wait=wait)


def _language(request: Request, default: str) -> str:
    """The one asked for, here or on the demo's page, else the one that the browser's owner reads best."""
    asked = (request.query_params.get("language", ""), request.cookies.get(COOKIE, ""))
    accepted = request.headers.get("accept-language", "")
    return next((language for language in asked if language in LANGUAGES), preferred(accepted, default))


@cache
def _words() -> dict[str, dict[str, str]]:
    text = files("multiskin.serve").joinpath("templates/entrance.yaml").read_text(encoding="utf-8")
    return cast(dict[str, dict[str, str]], yaml.safe_load(text))


@cache
def _template() -> Environment:
    return Environment(
        loader=PackageLoader("multiskin.serve", "templates"),
        autoescape=True,  # of names, which are anybody's
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
