"""The one form in which clients learn why a request is refused."""

import math

from starlette.responses import JSONResponse


class Refusal(Exception):  # noqa: N818  # the request is at fault, not the program
    """A request is refused.

    Args:
        status: HTTP status code.
        code: an identifier for programs, and for pages to translate.
        message: what is wrong, and what to do.
        retry_after: seconds after which to try again; None if trying again does not help.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(max(1, math.ceil(self.retry_after)))}

    def response(self) -> JSONResponse:
        content = {"error": {"code": self.code, "message": self.message}}
        return JSONResponse(content, self.status, self.headers)


def not_found() -> Refusal:
    """The same refusal whether something does not exist or belongs to somebody else, so that nobody learns which."""
    return Refusal(404, "not_found", "There is nothing here.")


def busy() -> Refusal:
    return Refusal(503, "busy", "Too many photos are being scored right now; try again in a moment.", retry_after=2)
