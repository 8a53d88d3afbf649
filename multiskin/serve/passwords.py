"""Password hashing with argon2, limited to a few hashes at a time."""

import unicodedata
from contextlib import suppress
from secrets import token_urlsafe
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

AT_ONCE = 2  # hashes computed concurrently; each takes 64 MiB
# Characters of input that are processed. Composition merges at most four characters into one, so longer input would
# exceed the maximum length anyway. It takes quadratic time in the number of characters and holds the GIL.
LONGEST_TYPED = 1000


class Passwords:
    """Hashes and verifies passwords; thread-safe.

    Args:
        hasher: gives the parameters of new hashes; existing ones keep theirs until they are renewed.
    """

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self._slots = BoundedSemaphore(AT_ONCE)
        self._nobodys = hasher.hash(token_urlsafe(32))

    def hash(self, password: str) -> str:
        """A hash, which includes its parameters and a random salt."""
        with self._slots:
            return self._hasher.hash(_bytes(password))

    def match(self, password_hash: str | None, password: str) -> bool:
        """Whether a hash is of this password; without a hash, False after as much time, to not disclose known names."""
        with self._slots, suppress(VerifyMismatchError):
            return self._hasher.verify(password_hash or self._nobodys, _bytes(password))
        return False

    def renewed(self, password_hash: str, password: str) -> str:
        """The hash, recomputed if the hasher's parameters have changed since."""
        return self.hash(password) if self._hasher.check_needs_rehash(password_hash) else password_hash


def composed(password: str) -> str:
    """A password in normal form, since keyboards differ in how they compose characters."""
    return unicodedata.normalize("NFKC", password[:LONGEST_TYPED])


def _bytes(password: str) -> bytes:
    return composed(password).encode(errors="surrogatepass")
