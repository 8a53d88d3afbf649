"""The pages to sign in, sign up and change a password: plain forms that need no JavaScript."""

import math
from functools import cache
from importlib.resources import files
from typing import cast

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from multiskin.serve import signing
from multiskin.serve.accounts import AccountError, TooManyAttempts
from multiskin.serve.api.dependencies import member_of
from multiskin.serve.api.errors import refusal_of
from multiskin.serve.services import Services
from multiskin.serve.sessions import optional_session_of
from multiskin.serve.texts import COOKIE, preferred

LANGUAGES = {"en": "English", "ko": "한국어"}
PURPOSES = {"/sign-in": "sign_in", "/sign-up": "sign_up", "/password": "change_password"}
TAB, KEPT = "tab", "kept"  # query parameters: the tab a visitor comes from, and the token for the report shown there


async def show(request: Request) -> Response:
    """The empty form."""
    return _page(request) if _may_fill_in(request) else _to(request, "sign-in")


async def send(request: Request) -> Response:
    """Handles a submitted form: redirects to the demo, or shows the form again with what is wrong."""
    if not _may_fill_in(request):  # signed out since the form was opened
        return _to(request, "sign-in")
    form = await request.form(max_files=0, max_fields=8)
    try:
        return _to(request, "", await _cookie(request, form))
    except AccountError as error:
        return _page(request, _field(form, "name"), error)


async def leave(request: Request) -> Response:
    """Signs out, and redirects to the demo, or to the sign-in form if guests are not admitted."""
    services = _services(request)
    cookie = await signing.sign_out(services, request)
    return _to(request, "sign-in" if services.settings.members_only else "", cookie)


ROUTES = [
    *(Route(path, show, methods=["GET"]) for path in PURPOSES),
    *(Route(path, send, methods=["POST"]) for path in PURPOSES),
    Route("/sign-out", leave, methods=["POST"]),
]


async def _cookie(request: Request, form: FormData) -> str:
    """Does what the form is for, and returns the Set-Cookie header of the new session.

    Raises:
        AccountError: the form is refused.
    """
    services, password, kept = _services(request), _field(form, "password"), request.query_params.get(KEPT, "")
    match _purpose(request):
        case "sign_in":
            return await signing.sign_in(services, request, _field(form, "name"), password, kept)
        case "sign_up":
            return await signing.sign_up(services, request, _field(form, "name"), password, kept)
        case _:
            member, new = member_of(request), _field(form, "new_password")
            return await signing.change_password(services, request, member, password, new, kept)


def _field(form: FormData, name: str) -> str:
    return str(form.get(name, ""))


def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


def _purpose(request: Request) -> str:
    return next(purpose for path, purpose in PURPOSES.items() if request.url.path.endswith(path))


def _signed_in(request: Request) -> bool:
    session = optional_session_of(request)
    return session is not None and session.account_id is not None


def _may_fill_in(request: Request) -> bool:
    return _signed_in(request) or _purpose(request) != "change_password"


def _to(request: Request, path: str, cookie: str = "") -> Response:
    headers = {"Set-Cookie": cookie} if cookie else None
    return RedirectResponse(f"{_services(request).settings.root_path}/{path}", 303, headers)


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
            problem=_problem(error, _purpose(request), words),
            kept=_kept(request),
            root_path=settings.root_path,
            guests=not settings.members_only,
        )
    )
    response = HTMLResponse(content, 200 if refusal is None else refusal.status)
    if refusal is not None:
        response.headers.update(refusal.headers)
    return response


def _kept(request: Request) -> str:
    """Sets aside the report that the visitor saw on the page, and returns the token for it; "" if there is none.

    A guest's report passes to the account that they sign in to; an account's report stays with it.
    """
    session = optional_session_of(request)
    if session is None or _signed_in(request) != (_purpose(request) == "change_password"):
        return ""
    tab = None if _signed_in(request) else request.query_params.get(TAB, "")
    return _services(request).desks.set_aside(session.id, tab, request.query_params.get(KEPT, ""))


def _problem(error: AccountError | None, purpose: str, words: dict[str, str]) -> str:
    if error is None:
        return ""
    wait = math.ceil(error.retry_after / 60) if isinstance(error, TooManyAttempts) else 0
    return words.get(f"{purpose}_{error.code}", words[error.code]).format(wait=wait)


def _language(request: Request, default: str) -> str:
    """The language chosen here or on the demo's page, or else the one that the browser prefers."""
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
        autoescape=True,  # names can contain anything
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
