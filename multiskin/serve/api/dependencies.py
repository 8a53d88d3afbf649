"""Dependencies of the routes."""

from typing import Annotated, cast

from fastapi import Depends, Request

from multiskin.serve.engine import Engine
from multiskin.serve.refusals import Refusal
from multiskin.serve.services import Services
from multiskin.serve.sessions import session_of


def services_of(request: Request) -> Services:
    return cast(Services, request.app.state.services)


def member_of(request: Request) -> int:
    """The id of the account that is signed in.

    Raises:
        Refusal: the session is a guest's.
    """
    account_id = session_of(request).account_id
    if account_id is None:
        raise Refusal(403, "signed_out", "Guests have no account and no history; sign in or sign up first.")
    return account_id


def engine_of(services: Annotated[Services, Depends(services_of)]) -> Engine:
    """The engine that scores photos.

    Raises:
        Refusal: there is no model yet.
    """
    if services.engine is None:
        raise Refusal(503, "no_model", "There is no model yet; train one on the page.", retry_after=60)
    return services.engine


ServicesDep = Annotated[Services, Depends(services_of)]
EngineDep = Annotated[Engine, Depends(engine_of)]
MemberId = Annotated[int, Depends(member_of)]
