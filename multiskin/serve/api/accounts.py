"""Guests and accounts."""

from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, SecretStr

from multiskin.serve import signing
from multiskin.serve.api.answers import refusals
from multiskin.serve.api.dependencies import MemberId, ServicesDep
from multiskin.serve.refusals import Refusal

router = APIRouter(tags=["accounts"])
Password = Annotated[SecretStr, Field(max_length=1000, examples=["a long sentence nobody guesses"])]


class Credentials(BaseModel):
    """Name and password, to sign up or in."""

    name: str = Field(max_length=200, examples=["Mina"])
    password: Password


class Confirmation(BaseModel):
    """The account's password, to confirm a change."""

    password: Password


class NewPassword(Confirmation):
    """The current password and the new one."""

    new_password: Password


class Asked(BaseModel):
    """Whose session was started; its cookie is in the Set-Cookie header."""

    name: str | None = Field(description="null for a guest", examples=["Mina"])


@router.post("/guest", responses=refusals(403))
async def begin_guest(services: ServicesDep, request: Request, response: Response) -> Asked:
    """Start a guest session, which can score photos but save nothing; the previous session ends."""
    if services.settings.members_only:
        raise Refusal(403, "members_only", "Scoring photos requires an account here; sign in.")
    await signing.sign_out(services, request)
    _, cookie = services.sessions.new_guest(signing.over_https(request))
    response.headers.append("Set-Cookie", cookie)
    return Asked(name=None)


@router.post("/sign-up", status_code=201, responses=refusals(409, 422, 429))
async def sign_up(services: ServicesDep, request: Request, response: Response, who: Credentials) -> Asked:
    """Create an account and sign in."""
    cookie = await signing.sign_up(services, request, who.name, who.password.get_secret_value())
    response.headers.append("Set-Cookie", cookie)
    return Asked(name=who.name)


@router.post("/sign-in", responses=refusals(401, 422, 429))
async def sign_in(services: ServicesDep, request: Request, response: Response, who: Credentials) -> Asked:
    """Start a session of an account; the previous session ends."""
    cookie = await signing.sign_in(services, request, who.name, who.password.get_secret_value())
    response.headers.append("Set-Cookie", cookie)
    return Asked(name=who.name)


@router.post("/sign-out", status_code=204)
async def sign_out(services: ServicesDep, request: Request, response: Response) -> None:
    """End the session; an account's cookie becomes invalid."""
    response.headers.append("Set-Cookie", await signing.sign_out(services, request))


@router.post("/account/password", status_code=204, responses=refusals(401, 403, 422, 429))
async def change_password(
    services: ServicesDep, request: Request, response: Response, account_id: MemberId, change: NewPassword
) -> None:
    """Change the account's password; all of its sessions end, and a new one is started for this client."""
    old, new = change.password.get_secret_value(), change.new_password.get_secret_value()
    cookie = await signing.change_password(services, request, account_id, old, new)
    response.headers.append("Set-Cookie", cookie)


@router.delete("/account", status_code=204, responses=refusals(401, 403, 422, 429))
async def delete_account(
    services: ServicesDep, request: Request, response: Response, account_id: MemberId, sure: Confirmation
) -> None:
    """Delete the account with everything saved in it."""
    delete = partial(
        services.accounts.delete, account_id, sure.password.get_secret_value(), signing.address_of(request)
    )
    await to_thread.run_sync(delete, limiter=services.signing)
    response.headers.append("Set-Cookie", await signing.sign_out(services, request))
