"""Sessions of accounts and guests, recognised by their cookies."""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from multiskin.serve.cookies import Cookies

if TYPE_CHECKING:
    from multiskin.serve.accounts import Accounts

GUEST, MEMBER = "guest", "token"  # keys of a ticket, which has a guest's id or the token of a sign-in


@dataclass(frozen=True)
class Session:
    """One browser of one person.

    Attributes:
        id: random but not secret: knowing it does not give access to the session.
        account_id: the id of the account; None for a guest.
        name: the name of the account; None for a guest.
    """

    id: str
    account_id: int | None = None
    name: str | None = None


class Sessions:
    """Finds and creates sessions.

    Args:
        cookies: read and write the session cookie.
        accounts: know which tokens are signed in.
    """

    def __init__(self, cookies: Cookies, accounts: "Accounts") -> None:
        self.cookies = cookies
        self._accounts = accounts

    def find(self, cookie_header: str) -> Session | None:
        """The session that a Cookie header belongs to, if any; reads the database."""
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
        """The session id of a sign-in token."""
        return sha256(f"session {token}".encode()).hexdigest()[:32]

    def token(self, cookie_header: str) -> str | None:
        """The sign-in token in a Cookie header; None for a guest."""
        return (self.cookies.read(cookie_header) or {}).get(MEMBER)

    def new_guest(self, https: bool) -> tuple[Session, str]:
        """A new guest session, and its Set-Cookie header."""
        guest = Session(secrets.token_hex(16))
        return guest, self.cookies.header({GUEST: guest.id}, https)

    def member_cookie(self, token: str, https: bool) -> str:
        """The Set-Cookie header for an account that has signed in."""
        return self.cookies.header({MEMBER: token}, https)


def session_of(request: Any) -> Session:
    """The session of a request, either Starlette's or Gradio's.

    Raises:
        LookupError: the request has no session.
    """
    session = optional_session_of(request)
    if session is None:
        raise LookupError("the request has no session; did it bypass the guard?")
    return session


def optional_session_of(request: Any) -> Session | None:
    """The session of a request; None if the path needs no session and there is none."""
    session = _known(request, "session")
    return session if isinstance(session, Session) else None


def tab_of(request: Any) -> str:
    """The id that the browser gave to the tab that sent a Gradio request."""
    return str(request.session_hash)


def comes_from_here(request: Any) -> bool:
    """Whether the guard found that a request comes from this machine; False if it did not pass the guard."""
    return _known(request, "from_here") is True


def _known(request: Any, what: str) -> Any:
    inner = getattr(request, "request", None) or request  # Gradio wraps Starlette's request
    return getattr(getattr(inner, "state", None), what, None)
