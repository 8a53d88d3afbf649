"""Turns every error that a client can cause into a refusal."""

from collections.abc import Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from multiskin.serve.accounts import AccountError, TooManyAttempts
from multiskin.serve.batching import Busy, Closed
from multiskin.serve.history import HistoryError
from multiskin.serve.refusals import Refusal, busy
from multiskin.serve.uploads import UploadError

HANDLED = (Refusal, Busy, Closed, UploadError, AccountError, HistoryError, RequestValidationError, HTTPException)
STATUSES = {  # by code; 422 for all others
    "wrong_credentials": 401,
    "name_taken": 409,
    "accounts_full": 409,
    "history_full": 409,
    "bytes": 413,
    "pixels": 413,
    "format": 415,
    "mislabelled": 415,
    "disguised": 415,
    "too_many": 429,
}


def refusal_of(error: Exception) -> Refusal:
    """The refusal for one of the handled errors."""
    match error:
        case Refusal():
            return error
        case Busy() | Closed():
            return busy()
        case AccountError() | HistoryError() | UploadError():
            retry_after = error.retry_after if isinstance(error, TooManyAttempts) else None
            return Refusal(STATUSES.get(error.code, 422), error.code, str(error), retry_after)
        case RequestValidationError():
            return Refusal(422, "invalid", _wanted(error.errors()))
        case HTTPException():
            return Refusal(error.status_code, "malformed", error.detail)
    raise error


def _wanted(problems: Sequence[Any]) -> str:
    """What is wrong with which field, without its value, which may be a password."""
    return "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in problems)


async def answer_error(_: Request, error: Exception) -> Response:
    return refusal_of(error).response()
