"""The error that users see as one message without a traceback: what is wrong, where, and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches

MAX_LISTED = 40  # names in one message


class UserError(Exception):
    """A mistake in an option, a config, a path, a table or a photo that the user can fix."""


def unknown(what: str, name: object, known: Iterable[str], where: str = "") -> UserError:
    """The error for an unknown name, which suggests the closest known name and lists the choices."""
    names = [str(k) for k in known]
    close = get_close_matches(str(name), names, n=9)
    place = f"{where}: " if where else ""
    if len(names) > MAX_LISTED:
        closest = f"the closest are {', '.join(sorted(close))}" if close else "none is similar"
        return UserError(f"{place}unknown {what} {name!r}; of {len(names)} known names, {closest}")
    hint = f"did you mean {close[0]!r}? " if close else ""
    return UserError(f"{place}unknown {what} {name!r}: {hint}choose one of {', '.join(names) or '(none)'}")


def require_known(content: Iterable[object], known: Iterable[str], where: str) -> None:
    """Checks that a mapping has only known keys.

    Raises:
        UserError: an unknown key.
    """
    names = [*known]
    for key in content:
        if key not in names:
            raise unknown("key", key, names, where)


def text_of(value: object, where: str) -> str:
    """A value of a YAML file as text, such as a name; numbers and dates are texts, too.

    Raises:
        UserError: nothing, a list, a mapping, or a word that YAML reads as true or false.
    """
    if isinstance(value, bool):
        raise UserError(f"{where}: YAML reads yes, no, on and off as true or false; quote them")
    if value is None or isinstance(value, list | dict):
        raise UserError(f"{where}: give a text, not {value!r}")
    return str(value)
