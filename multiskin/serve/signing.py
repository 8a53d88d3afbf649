"""Signing up, in and out, for programs and for pages alike: each gives what Set-Cookie has to say."""

from functools import partial

from anyio import to_thread
from starlette.requests import Request

from multiskin.serve.services import Services


async def sign_up(services: Services, request: Request, name: str, password: str) -> str:
    """Makes an account and signs it in.

    Raises:
        AccountError: not with this name or password, or not now.
    """
    make = partial(services.accounts.sign_up, name, password, _address(request))
    await to_thread.run_sync(make, limiter=services.signing)
    return await sign_in(services, request, name, password)


async def sign_in(services: Services, request: Request, name: str, password: str) -> str:
    """Begins a session that nobody knew before, and ends the one that was.

    Raises:
        AccountError: not with this name and password, or not now.
    """
    enter = partial(services.accounts.sign_in, name, password, _address(request))
    token = await to_thread.run_sync(enter, limiter=services.signing)
    await sign_out(services, request)
    return services.sessions.member_cookie(token, over_https(request))


async def sign_out(services: Services, request: Request) -> str:
    """Ends the session, so that its cookie is worth nothing, wherever it was copied to."""
    token = services.sessions.token(request.headers.get("cookie", ""))
    if token is not None:
        await to_thread.run_sync(services.accounts.sign_out, token, limiter=services.signing)
    return services.sessions.cookies.removal(over_https(request))


def over_https(request: Request) -> bool:
    return request.url.scheme == "https"


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None
