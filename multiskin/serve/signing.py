"""Signing up, in and out, and changing passwords, for both the API and the forms; each returns a Set-Cookie header."""

from functools import partial

from anyio import to_thread
from starlette.requests import Request

from multiskin.serve.services import Services
from multiskin.serve.sessions import optional_session_of


async def sign_up(services: Services, request: Request, name: str, password: str, kept: str = "") -> str:
    """Creates an account and signs it in.

    Raises:
        AccountError: the name or password is refused, or there were too many attempts.
    """
    make = partial(services.accounts.sign_up, name, password, address_of(request))
    await to_thread.run_sync(make, limiter=services.signing)
    return await sign_in(services, request, name, password, kept)


async def sign_in(services: Services, request: Request, name: str, password: str, kept: str = "") -> str:
    """Starts a new session, and ends the previous one (against session fixation).

    Args:
        services: the services of the demo.
        request: the request of the browser to sign in.
        name: the name of the account.
        password: the password of the account.
        kept: the token for a report that a guest set aside; one set aside by an account never passes to another.

    Raises:
        AccountError: the name or password is wrong, or there were too many attempts.
    """
    enter = partial(services.accounts.sign_in, name, password, address_of(request))
    token = await to_thread.run_sync(enter, limiter=services.signing)
    guest = optional_session_of(request)
    return await _go_on(services, request, token, kept if guest and guest.account_id is None else "")


async def change_password(
    services: Services, request: Request, account_id: int, password: str, new: str, kept: str = ""
) -> str:
    """Changes the password of an account, starts a new session, and ends all of its previous ones.

    Raises:
        AccountError: the password is wrong, the new one is refused, or there were too many attempts.
    """
    change = partial(services.accounts.change_password, account_id, password, new, address_of(request))
    token = await to_thread.run_sync(change, limiter=services.signing)
    return await _go_on(services, request, token, kept)


async def sign_out(services: Services, request: Request) -> str:
    """Ends the session; an account's cookie becomes invalid even if it was copied."""
    session, token = optional_session_of(request), services.sessions.token(request.headers.get("cookie", ""))
    if session is not None:
        services.desks.end(session.id)
    if token is not None:
        await to_thread.run_sync(services.accounts.sign_out, token, limiter=services.signing)
    return services.sessions.cookies.removal(over_https(request))


async def _go_on(services: Services, request: Request, token: str, kept: str) -> str:
    """Replaces the request's session by that of a token."""
    if before := optional_session_of(request):
        services.desks.take_over(kept, before.id, services.sessions.id_of(token))
    await sign_out(services, request)
    return services.sessions.member_cookie(token, over_https(request))


def over_https(request: Request) -> bool:
    return request.url.scheme == "https"


def address_of(request: Request) -> str | None:
    return request.client.host if request.client else None
