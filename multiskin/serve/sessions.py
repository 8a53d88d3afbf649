"""Who asks: an account's session or a guest's."""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from multiskin.serve.cookies import Cookies

if TYPE_CHECKING:
    from multiskin.serve.accounts import Accounts

GUEST, MEMBER = "guest", "token"  # what a ticket holds: a guest's id, or the token that an account signed in with


@dataclass(frozen=True)
class Session:
    """One browser of one person.

    Attributes:
        id: random, and no secret: who knows it cannot become the session.
        account_id: None for a guest.
        name: the account's; None for a guest.
    """

    id: str
    account_id: int | None = None
    name: str | None = None


class Sessions:
    """Knows sessions by their cookie.

    Args:
        cookies: which carry them.
        accounts: where accounts are signed in; what was signed out there is a session no more.
    """

    def __init__(self, cookies: Cookies, accounts: "Accounts") -> None:
        self.cookies = cookies
        self._accounts = accounts

    def find(self, cookie_header: str) -> Session | None:
        """The session of a request with such a Cookie header; reads the database."""
        ticket = self.cookies.read(cookie_header) or {}
        if guest := ticket.get(GUEST):
            return Session(guest)
        token = ticket.get(MEMBER)
        account = self._accounts.account_of(token) if token else None
        if token is None or account is None:
            return None
        return Session(self.id_of(token), account.id, account.name)

    @staticmethod
    def id_of(token: str) -> str:
        """Of the session that a token is of."""
        return sha256(f"session {token}".encode()).hexdigest()[:32]

    def token(self, cookie_header: str) -> str | None:
        """The token of the account that asks; None for a guest."""
        return (self.cookies.read(cookie_header) or {}).get(MEMBER)

    def new_guest(self, https: bool) -> tuple[Session, str]:
        """A guest's session, and what Set-Cookie says for it."""
        guest = Session(secrets.token_hex(16))
        return guest, self.cookies.header({GUEST: guest.id}, https)

    def member_cookie(self, token: str, https: bool) -> str:
        """What Set-Cookie says for an account that has signed in."""
        return self.cookies.header({MEMBER: token}, https)


def session_of(request: Any) -> Session:
    """The session of a request, be it Starlette's or the one that Gradio gives to its handlers.

    Raises:
        LookupError: a request that did not pass the guard.
    """
    session = asker_of(request)
    if session is None:
        raise LookupError("the request has no session: it did not pass the guard")
    return session


def asker_of(request: Any) -> Session | None:
    """The session of a request; None where anybody may ask, and nobody known does."""
    session = _known(request, "session")
    return session if isinstance(session, Session) else None


def tab_of(request: Any) -> str:
    """Which of a session's tabs asks, as the browser calls it; of a request that Gradio gives to its handlers."""
    return str(request.session_hash)


def comes_from_here(request: Any) -> bool:
    """Whether the guard found that whoever asks sits at this machine; no for what did not pass it."""
    return _known(request, "from_here") is True


def _known(request: Any, what: str) -> Any:
    inner = getattr(request, "request", None) or request  # Gradio wraps Starlette's
    return getattr(getattr(inner, "state", None), what, None)
