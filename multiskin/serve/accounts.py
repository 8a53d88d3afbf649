"""Who a person is: names, passwords, and which browsers are signed in."""

import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe

from argon2 import PasswordHasher
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from multiskin.serve.passwords import LONGEST_TYPED, Passwords, composed
from multiskin.serve.store import Account, RecordError, SignIn, Store, utc_now
from multiskin.serve.tries import Tries

LONGEST_NAME = 40  # characters
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200  # characters
MOST_ACCOUNTS = 1000

LIFETIME = timedelta(days=14)  # of a sign-in, however much it is used
IDLE = timedelta(days=1)  # after which an unused one ends
FRESH = timedelta(minutes=1)  # for which a use that is written down stands for those that follow


class AccountError(RecordError):
    """What a person asks of an account and does not get."""


class NameFormError(AccountError):
    code = "name_invalid"
    message = f"a name has 1 to {LONGEST_NAME} characters, all of them visible; choose another one"


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
    message = "the password is the name, which is what others try first; choose another one"


class CredentialsError(AccountError):
    """Which of the two is wrong is not said."""

    code = "wrong_credentials"
    message = "the name or the password is wrong; try again"


class TooMany(AccountError):  # noqa: N818 (HTTP's name for it)
    """Tries.

    Attributes:
        retry_after: seconds until one is let through.
    """

    code = "too_many"
    message = "too many tries; wait a while and try again"

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class Accounts:
    """The accounts of one demo, for any number of threads.

    Args:
        store: where they are kept.
        hasher: of passwords; where its parameters changed, a password is hashed anew when its owner signs in.
        clock: tells the time.
        most: accounts that there may be; each may fill some of the disk.
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
        self._tries = Tries()

    def sign_up(self, name: str, password: str, address: str | None = None) -> Account:
        """Makes an account.

        Args:
            name: its owner's, which no other may have, however it is capitalised or composed.
            password: its owner's.
            address: whose tries it counts to, for who signs up learns which names are taken.

        Raises:
            AccountError: NameFormError, NameTakenError, AccountsFullError, PasswordLengthError, PasswordIsNameError or
                TooMany.
        """
        name = unicodedata.normalize("NFC", _typed(name))
        key = _key(name)
        if not (_usable(name) and _usable(key)):
            raise NameFormError
        _check_new(password, key)
        _let_through(self._tries.count_address(address))
        account = Account(name=name, key=key, password_hash=self._passwords.hash(password), created=self._clock())
        try:
            with self._store.writing() as session:
                self._check_room(session)
                session.add(account)
        except IntegrityError:
            raise NameTakenError from None
        return account

    def sign_in(self, name: str, password: str, address: str | None) -> str:
        """Lets a browser in.

        Args:
            name: however it is capitalised or composed.
            password: its owner's.
            address: where the try comes from; None where that is not known.

        Returns:
            The token by which `account_of` knows the browser again; only its hash is kept.

        Raises:
            AccountError: CredentialsError or TooMany.
        """
        _let_through(self._tries.count_address(address))
        account = self._verified(_key(name), password, address)
        password_hash = self._passwords.renewed(account.password_hash, password)
        now = self._clock()
        with self._store.writing() as session:
            self._still(session, account, password).password_hash = password_hash
            session.execute(delete(SignIn).where(or_(SignIn.started <= now - LIFETIME, SignIn.last_used <= now - IDLE)))
            return self._let_in(session, account)

    def account_of(self, token: str) -> Account | None:
        """Whose browser it is; None where it was never let in, signed out, or is not let in any longer."""
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
        """The token is nobody's from now on."""
        with self._store.writing() as session:
            session.execute(delete(SignIn).where(SignIn.token_hash == _digest(token)))

    def change_password(self, account_id: int, password: str, new: str, address: str | None = None) -> str:
        """Gives an account a new password, with which each of its browsers but the one that asks has to sign in again.

        Args:
            account_id: whose password it is.
            password: the present one.
            new: the one from now on.
            address: where the try comes from; None where that is not known.

        Returns:
            A token for the browser that asks; the one it had is worth nothing any more, wherever it was copied to.

        Raises:
            AccountError: CredentialsError, PasswordLengthError, PasswordIsNameError or TooMany.
        """
        account = self._owner(account_id, password, address)
        _check_new(new, account.key)
        password_hash = self._passwords.hash(new)
        with self._store.writing() as session:
            self._still(session, account, password).password_hash = password_hash
            session.execute(delete(SignIn).where(SignIn.account_id == account_id))
            return self._let_in(session, account)

    def delete(self, account_id: int, password: str, address: str | None = None) -> None:
        """Takes away an account and all that is its owner's, photos too.

        Raises:
            AccountError: CredentialsError or TooMany.
        """
        account = self._owner(account_id, password, address)
        with self._store.writing() as session:
            session.delete(self._still(session, account, password))
        self._store.empty_log()

    def _check_room(self, session: Session) -> None:
        if session.scalars(select(func.count()).select_from(Account)).one() >= self._most:
            raise AccountsFullError

    def _let_in(self, session: Session, account: Account) -> str:
        token, now = token_urlsafe(32), self._clock()
        session.add(SignIn(token_hash=_digest(token), account_id=account.id, started=now, last_used=now))
        return token

    def _owner(self, account_id: int, password: str, address: str | None) -> Account:
        """The account, if whoever asks knows its password; as often as one may try to sign in with it."""
        _let_through(self._tries.count_address(address))
        with self._store.reading() as session:
            key = session.scalar(select(Account.key).where(Account.id == account_id)) or ""
        return self._verified(key, password, address)

    def _verified(self, key: str, password: str, address: str | None) -> Account:
        """The account of a name whose password this is."""
        if not _usable(key):  # then it is nobody's, and no limit has to remember it
            raise CredentialsError
        _let_through(self._tries.count_name(key, address))
        with self._store.reading() as session:
            account = session.scalar(select(Account).where(Account.key == key))
        right = self._passwords.match(account.password_hash if account else None, password)
        if account is None or not right:
            raise CredentialsError
        self._tries.forgive_name(key, address)
        return account

    def _still(self, session: Session, account: Account, password: str) -> Account:
        """The account that was verified, as it is now: it may have been deleted since, or have another password."""
        current = session.get(Account, account.id)
        if current is None or not (
            current.password_hash == account.password_hash or self._passwords.match(current.password_hash, password)
        ):
            raise CredentialsError
        return current


def _typed(name: str) -> str:
    """What is looked at of a name, as of a password: nobody has one that is longer."""
    return name.strip()[:LONGEST_TYPED]


def _key(name: str) -> str:
    """What is compared of a name: the same for all ways to write it."""
    compatible = unicodedata.normalize("NFKC", _typed(name))
    return unicodedata.normalize("NFKC", compatible.casefold()).strip()


def _usable(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()


def _check_new(password: str, key: str) -> None:
    if not SHORTEST_PASSWORD <= len(composed(password)) <= LONGEST_PASSWORD:
        raise PasswordLengthError
    if _key(password) == key:
        raise PasswordIsNameError


def _let_through(wait: int) -> None:
    if wait:
        raise TooMany(wait)


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="replace")).digest()
