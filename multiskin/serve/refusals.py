"""Why a request is not served, in the one form in which every caller is told."""

import math

from starlette.responses import JSONResponse


class Refusal(Exception):  # noqa: N818  # the request is at fault, not the program
    """A request that is not served.

    Args:
        status: of the answer.
        code: one word for programs, and for pages that speak another language.
        message: what is wrong, and what to do.
        retry_after: seconds after which it may be served.
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
    """The same for what is not there and for what is another's: nobody learns which."""
    return Refusal(404, "not_found", "There is nothing here.")


def busy() -> Refusal:
    return Refusal(503, "busy", "Too much is being scored just now; ask again in a moment.", retry_after=2)
