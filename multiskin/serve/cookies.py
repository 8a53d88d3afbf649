"""The session cookie, signed so that it cannot be forged."""

import os
import secrets
import stat
from hashlib import sha256
from pathlib import Path

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import cookie_parser

from multiskin.errors import UserError

SECRET = "MULTISKIN_SECRET"
SHORTEST_SECRET = 32  # characters
LONGEST = 30 * 24 * 3600  # seconds until a cookie expires; the session it stands for may end sooner
LARGEST = 1024  # characters; our cookies have about 150


class Cookies:
    """Writes and reads the cookie, which contains a ticket: a dict that identifies its bearer.

    Args:
        secret: the signing key.
        path: the path that a proxy serves the demo under; browsers send the cookie to no other application there.
    """

    def __init__(self, secret: str, path: str = "") -> None:
        self._path = f"{path}/"
        self._signer = URLSafeTimedSerializer(
            secret, salt="multiskin.session", signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"}
        )
        # Cookies are shared by all ports of a host: under one name, two demos would overwrite each other's.
        self.name = f"multiskin-{sha256(f'name {secret}'.encode()).hexdigest()[:8]}"

    def header(self, ticket: dict[str, str], https: bool) -> str:
        """The Set-Cookie header for a ticket."""
        return self._header(self._signer.dumps(ticket), LONGEST, https)

    def removal(self, https: bool) -> str:
        """The Set-Cookie header that removes the cookie."""
        return self._header("", 0, https)

    def read(self, header: str) -> dict[str, str] | None:
        """The ticket in a Cookie header; None if there is none with a valid signature."""
        value = cookie_parser(header).get(self.name, "")
        if not 0 < len(value) <= LARGEST:
            return None
        try:
            ticket = self._signer.loads(value, max_age=LONGEST)
        except BadData:
            return None
        return ticket if isinstance(ticket, dict) else None

    def _header(self, value: str, seconds: int, https: bool) -> str:
        secure = "; Secure" if https else ""
        return f"{self.name}={value}; Path={self._path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def read_secret(folder: Path) -> str:
    """The signing key: from the environment, or else from a file that only its owner can read, created if missing.

    Raises:
        UserError: the secret is too short, others can read it, or the file cannot be read or written.
    """
    if (given := os.environ.get(SECRET)) is not None:
        if len(given) < SHORTEST_SECRET:
            raise UserError(f"{SECRET}: {len(given)} characters; give {SHORTEST_SECRET} random ones or more")
        return given
    path = folder / "secret"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_secret(path)
        found = path.read_text(encoding="ascii")
        readable = stat.S_IMODE(path.stat().st_mode) & 0o077
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read or created ({error}); remove it, or give another --data") from error
    if readable or len(found) < SHORTEST_SECRET:
        reason = "others can read it" if readable else "too short"
        raise UserError(f"{path}: {reason}; remove it, and everybody has to sign in again")
    return found


def _make_secret(path: Path) -> None:
    """Creates the file atomically, and only once even if two demos start in one folder at the same time."""
    if path.exists():
        return
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, secrets.token_hex(32).encode())
    finally:
        os.close(file)
    try:
        os.link(part, path)  # fails if another demo was faster; then its secret is used
    except FileExistsError:
        pass
    finally:
        part.unlink()
