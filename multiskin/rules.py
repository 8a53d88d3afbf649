"""Names, constants and checks that the two implementations of decisions share: torch's and NumPy's (portable/)."""

from collections.abc import Mapping, Sequence
from typing import Any

from multiskin.errors import UserError, unknown
from multiskin.schema import Attribute, Schema

CREDIT = "credit"  # the decision that maximises expected credit
NAMES = ("argmax", "median", "expectation", CREDIT)
ROUNDING = 1e-6  # tolerance for sums of float32 probabilities
SHRINKAGE = 0.1  # how far priors are shrunk towards a uniform one, so that very rare grades are not overrated
MOST = 1_000_000  # largest absolute credit: float32 holds whole numbers up to it exactly, and sums stay finite

Credit = tuple[tuple[float, ...], ...]  # (K, K) the credit of each decision, true grade in rows


def require_decision(name: object, attribute: Attribute) -> None:
    """Makes sure that a decision can be used for an attribute.

    Raises:
        UserError: an unknown decision, or one that needs ordered grades for a nominal attribute.
    """
    if name not in NAMES:
        raise unknown("decision", name, NAMES)
    if name != "argmax" and not attribute.ordinal:
        raise UserError(f"decision {name!r}: needs ordered grades, but {attribute.name} is nominal; use argmax")


def checked_credit(asked: Any, attribute: Attribute, where: str) -> Credit:
    """A user's credit matrix for an attribute, checked.

    Args:
        asked: K lists of K numbers; the j-th number of the i-th list is the credit of deciding j where i is true.
        attribute: the attribute.
        where: where the matrix is given, for messages.

    Raises:
        UserError: not K x K numbers of at most MOST in absolute value.
    """
    k = attribute.grades
    if not (_listed(asked, k) and all(_listed(row, k) and all(map(_bounded, row)) for row in asked)):
        numbers = f"{k} numbers from {-MOST} to {MOST}"
        raise UserError(f"{where}: give {k} rows, one per true grade, of {numbers}, one per decision")
    return tuple(tuple(map(float, row)) for row in asked)


def checked_credits(asked: Mapping[Any, Any], schema: Schema, where: str) -> dict[str, Credit]:
    """A user's credit matrices by attribute, checked.

    Raises:
        UserError: an unknown or nominal attribute, or a matrix that does not fit its attribute.
    """
    for name in asked:
        if name not in schema.names:
            raise unknown("attribute", name, schema.names, where)
        require_decision(CREDIT, schema[name])
    return {name: checked_credit(entry, schema[name], f"{where}: {name}") for name, entry in asked.items()}


def _listed(given: Any, length: int) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, str) and len(given) == length


def _bounded(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and abs(number) <= MOST
