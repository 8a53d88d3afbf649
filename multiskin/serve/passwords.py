"""Passwords and what is kept of them: argon2 hashes, a few made at a time."""

import unicodedata
from contextlib import suppress
from secrets import token_urlsafe
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

AT_ONCE = 2  # hashes; each takes 64 MiB, and callers are many
# Characters that are looked at; what is longer is too long when it is composed, too, for no more than four become one.
# To compose takes as long as the square of their number, and nothing else runs meanwhile.
LONGEST_TYPED = 1000


class Passwords:
    """Hashes passwords and compares them with their hashes, for any number of threads.

    Args:
        hasher: its parameters are those of new hashes; older ones keep theirs until they are renewed.
    """

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self._slots = BoundedSemaphore(AT_ONCE)
        self._nobodys = hasher.hash(token_urlsafe(32))

    def hash(self, password: str) -> str:
        """A hash with its parameters and a salt of its own."""
        with self._slots:
            return self._hasher.hash(_bytes(password))

    def match(self, password_hash: str | None, password: str) -> bool:
        """Whether a hash is of this password; none is, but in as much time, so that time does not tell who is known."""
        with self._slots, suppress(VerifyMismatchError):
            return self._hasher.verify(password_hash or self._nobodys, _bytes(password))
        return False

    def renewed(self, password_hash: str, password: str) -> str:
        """The hash, made anew where the parameters are others by now."""
        return self.hash(password) if self._hasher.check_needs_rehash(password_hash) else password_hash


def composed(password: str) -> str:
    """The same characters for a password that another keyboard composes in another way."""
    return unicodedata.normalize("NFKC", password[:LONGEST_TYPED])


def _bytes(password: str) -> bytes:
    return composed(password).encode(errors="surrogatepass")
