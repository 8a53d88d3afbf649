"""The one kind of error a user sees: what was found, where, and what to do. Never a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST_LISTED = 40  # names in one message


class UserError(Exception):
    """A mistake in a config, a path, a table or a photograph that its owner can mend."""


def unknown(what: str, name: object, known: Iterable[str], where: str = "") -> UserError:
    """The error for a name that is not among those known, with the nearest one suggested and the choice listed."""
    names = [str(k) for k in known]
    near = get_close_matches(str(name), names, n=9)
    place = f"{where}: " if where else ""
    if len(names) > MOST_LISTED:
        nearest = f"the nearest are {', '.join(sorted(near))}" if near else "none is like it"
        return UserError(f"{place}unknown {what} {name!r}; of {len(names)} known {nearest}")
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UserError(f"{place}unknown {what} {name!r}: {hint}choose one of {', '.join(names) or '(none)'}")


def require_known(content: Iterable[object], known: Iterable[str], where: str) -> None:
    """Makes sure that a mapping has no keys but those that are known.

    Raises:
        UserError: it has another one.
    """
    names = [*known]
    for key in content:
        if key not in names:
            raise unknown("key", key, names, where)
