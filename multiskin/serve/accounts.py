"""Accounts: names, passwords, and which browsers are signed in."""

import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe

from argon2 import PasswordHasher
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from multiskin.serve.attempts import Attempts
from multiskin.serve.passwords import LONGEST_TYPED, Passwords, composed
from multiskin.serve.store import Account, RecordError, SignIn, Store, utc_now

LONGEST_NAME = 40  # characters
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200  # characters
MOST_ACCOUNTS = 1000

LIFETIME = timedelta(days=14)  # of a sign-in, even if it is in use
IDLE = timedelta(days=1)  # an unused sign-in ends after this time
FRESH = timedelta(minutes=1)  # the time of last use is updated at most this often


class AccountError(RecordError):
    """A request concerning an account that is refused."""


class NameFormError(AccountError):
    code = "name_invalid"
    message = f"a name has 1 to {LONGEST_NAME} visible characters; choose another one"


class NameTakenError(AccountError):
    code = "name_taken"
    message = "this name is taken; choose another one"


class AccountsFullError(AccountError):
    code = "accounts_full"
    message = "there is no room for another account here; ask whoever runs this demo for more"


class PasswordLengthError(AccountError):
    code = "password_length"
    message = f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; choose another one"


class PasswordIsNameError(AccountError):
    code = "password_is_name"
    message = "the password equals the name, which is what attackers try first; choose another one"


class CredentialsError(AccountError):
    """A wrong name or password; which of the two is not disclosed."""

    code = "wrong_credentials"
    message = "the name or the password is wrong; try again"


class TooManyAttempts(AccountError):  # noqa: N818
    """Too many attempts.

    Attributes:
        retry_after: seconds until the next attempt is allowed.
    """

    code = "too_many"
    message = "too many attempts; wait a while and try again"

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class Accounts:
    """The accounts of the demo; thread-safe.

    Args:
        store: the database.
        hasher: hashes passwords; if its parameters change, each password is rehashed when its owner signs in.
        clock: returns the current time.
        most: maximum number of accounts, since each can fill part of the disk.
    """

    def __init__(
        self,
        store: Store,
        hasher: PasswordHasher | None = None,
        clock: Callable[[], datetime] = utc_now,
        most: int = MOST_ACCOUNTS,
    ) -> None:
        self._store = store
        self._passwords = Passwords(hasher or PasswordHasher())
        self._clock = clock
        self._most = most
        self._attempts = Attempts()

    def sign_up(self, name: str, password: str, address: str | None = None) -> Account:
        """Creates an account.

        Args:
            name: the owner's name, unique regardless of case and Unicode composition.
            password: the owner's password.
            address: the address that the attempt counts against, since signing up discloses which names are taken;
                None if unknown.

        Raises:
            AccountError: NameFormError, NameTakenError, AccountsFullError, PasswordLengthError, PasswordIsNameError or
                TooManyAttempts.
        """
        name = unicodedata.normalize("NFC", _truncated(name))
        key = _key(name)
        if not (_usable(name) and _usable(key)):
            raise NameFormError
        _check_new(password, key)
        _require_allowed(self._attempts.count_address(address))
        account = Account(name=name, key=key, password_hash=self._passwords.hash(password), created=self._clock())
        try:
            with self._store.writing() as session:
                self._check_room(session)
                session.add(account)
        except IntegrityError:
            raise NameTakenError from None
        return account

    def sign_in(self, name: str, password: str, address: str | None) -> str:
        """Signs a browser in.

        Args:
            name: the owner's name; case and Unicode composition do not matter.
            password: the owner's password.
            address: where the attempt comes from; None if unknown.

        Returns:
            The token by which `account_of` recognises the browser; only its hash is stored.

        Raises:
            AccountError: CredentialsError or TooManyAttempts.
        """
        _require_allowed(self._attempts.count_address(address))
        account = self._verified(_key(name), password, address)
        password_hash = self._passwords.renewed(account.password_hash, password)
        now = self._clock()
        with self._store.writing() as session:
            self._reload(session, account, password).password_hash = password_hash
            session.execute(delete(SignIn).where(or_(SignIn.started <= now - LIFETIME, SignIn.last_used <= now - IDLE)))
            return self._new_sign_in(session, account)

    def account_of(self, token: str) -> Account | None:
        """The account that a token is signed in to; None if it never was, has signed out, or has expired."""
        now = self._clock()
        with self._store.reading() as session:
            sign_in = session.get(SignIn, _digest(token), options=[joinedload(SignIn.account)])
        if sign_in is None or now >= sign_in.started + LIFETIME or now >= sign_in.last_used + IDLE:
            return None
        if now >= sign_in.last_used + FRESH:
            with self._store.writing() as session:
                used = update(SignIn).where(SignIn.token_hash == sign_in.token_hash)
                session.execute(used.values(last_used=now))
        return sign_in.account

    def sign_out(self, token: str) -> None:
        """Invalidates the token."""
        with self._store.writing() as session:
            session.execute(delete(SignIn).where(SignIn.token_hash == _digest(token)))

    def change_password(self, account_id: int, password: str, new: str, address: str | None = None) -> str:
        """Changes the password of an account, and signs out all of its other browsers.

        Args:
            account_id: the account.
            password: the current password.
            new: the new password.
            address: where the attempt comes from; None if unknown.

        Returns:
            A new token for the requesting browser; its old one becomes invalid too, in case it was copied.

        Raises:
            AccountError: CredentialsError, PasswordLengthError, PasswordIsNameError or TooManyAttempts.
        """
        account = self._owner(account_id, password, address)
        _check_new(new, account.key)
        password_hash = self._passwords.hash(new)
        with self._store.writing() as session:
            self._reload(session, account, password).password_hash = password_hash
            session.execute(delete(SignIn).where(SignIn.account_id == account_id))
            return self._new_sign_in(session, account)

    def delete(self, account_id: int, password: str, address: str | None = None) -> None:
        """Deletes an account with everything its owner saved, including photos.

        Raises:
            AccountError: CredentialsError or TooManyAttempts.
        """
        account = self._owner(account_id, password, address)
        with self._store.writing() as session:
            session.delete(self._reload(session, account, password))
        self._store.truncate_log()

    def _check_room(self, session: Session) -> None:
        if session.scalars(select(func.count()).select_from(Account)).one() >= self._most:
            raise AccountsFullError

    def _new_sign_in(self, session: Session, account: Account) -> str:
        token, now = token_urlsafe(32), self._clock()
        session.add(SignIn(token_hash=_digest(token), account_id=account.id, started=now, last_used=now))
        return token

    def _owner(self, account_id: int, password: str, address: str | None) -> Account:
        """The account, after checking its password, with the same limits on attempts as signing in."""
        _require_allowed(self._attempts.count_address(address))
        with self._store.reading() as session:
            key = session.scalar(select(Account.key).where(Account.id == account_id)) or ""
        return self._verified(key, password, address)

    def _verified(self, key: str, password: str, address: str | None) -> Account:
        """The account with this name and password."""
        if not _usable(key):  # no account can have it, so no limit has to keep track of it
            raise CredentialsError
        _require_allowed(self._attempts.count_name(key, address))
        with self._store.reading() as session:
            account = session.scalar(select(Account).where(Account.key == key))
        right = self._passwords.match(account.password_hash if account else None, password)
        if account is None or not right:
            raise CredentialsError
        self._attempts.reset_name(key, address)
        return account

    def _reload(self, session: Session, account: Account, password: str) -> Account:
        """Reloads a verified account and checks that it was not deleted, nor its password changed, in the meantime."""
        current = session.get(Account, account.id)
        if current is None or not (
            current.password_hash == account.password_hash or self._passwords.match(current.password_hash, password)
        ):
            raise CredentialsError
        return current


def _truncated(name: str) -> str:
    """A name cut to the length that is processed, which is more than any valid name has."""
    return name.strip()[:LONGEST_TYPED]


def _key(name: str) -> str:
    """The form of a name that is compared: the same for any case and Unicode composition."""
    compatible = unicodedata.normalize("NFKC", _truncated(name))
    return unicodedata.normalize("NFKC", compatible.casefold()).strip()


def _usable(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()


def _check_new(password: str, key: str) -> None:
    if not SHORTEST_PASSWORD <= len(composed(password)) <= LONGEST_PASSWORD:
        raise PasswordLengthError
    if _key(password) == key:
        raise PasswordIsNameError


def _require_allowed(wait: int) -> None:
    if wait:
        raise TooManyAttempts(wait)


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="replace")).digest()
