"""Signing up, in and out, and another password, for programs and for pages alike: each gives what Set-Cookie says."""

from functools import partial

from anyio import to_thread
from starlette.requests import Request

from multiskin.serve.services import Services
from multiskin.serve.sessions import asker_of


async def sign_up(services: Services, request: Request, name: str, password: str, kept: str = "") -> str:
    """Makes an account and signs it in.

    Raises:
        AccountError: not with this name or password, or not now.
    """
    make = partial(services.accounts.sign_up, name, password, address_of(request))
    await to_thread.run_sync(make, limiter=services.signing)
    return await sign_in(services, request, name, password, kept)


async def sign_in(services: Services, request: Request, name: str, password: str, kept: str = "") -> str:
    """Begins a session that nobody knew before, and ends the one that was.

    Args:
        services: of the demo.
        request: whose browser is signed in.
        name: of the account.
        password: of the account.
        kept: the word for what a guest set aside; what an account did goes to no other.

    Raises:
        AccountError: not with this name and password, or not now.
    """
    enter = partial(services.accounts.sign_in, name, password, address_of(request))
    token = await to_thread.run_sync(enter, limiter=services.signing)
    guest = asker_of(request)
    return await _go_on(services, request, token, kept if guest and guest.account_id is None else "")


async def change_password(
    services: Services, request: Request, account_id: int, password: str, new: str, kept: str = ""
) -> str:
    """Gives the account that asks another password, and a session that nobody knew before; all of its others end.

    Raises:
        AccountError: not with these passwords, or not now.
    """
    change = partial(services.accounts.change_password, account_id, password, new, address_of(request))
    token = await to_thread.run_sync(change, limiter=services.signing)
    return await _go_on(services, request, token, kept)


async def sign_out(services: Services, request: Request) -> str:
    """Ends the session, so that its cookie is worth nothing, wherever it was copied to."""
    session, token = asker_of(request), services.sessions.token(request.headers.get("cookie", ""))
    if session is not None:
        services.desks.end(session.id)
    if token is not None:
        await to_thread.run_sync(services.accounts.sign_out, token, limiter=services.signing)
    return services.sessions.cookies.removal(over_https(request))


async def _go_on(services: Services, request: Request, token: str, kept: str) -> str:
    """From the session that was to the one of a token."""
    if before := asker_of(request):
        services.desks.take_over(kept, before.id, services.sessions.id_of(token))
    await sign_out(services, request)
    return services.sessions.member_cookie(token, over_https(request))


def over_https(request: Request) -> bool:
    return request.url.scheme == "https"


def address_of(request: Request) -> str | None:
    return request.client.host if request.client else None
