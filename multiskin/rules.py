"""The decisions that there are, and what they have in common whatever computes them: torch here, NumPy in portable/."""

from collections.abc import Mapping, Sequence
from typing import Any

from multiskin.errors import UserError, unknown
from multiskin.schema import Attribute, Schema

CREDIT = "credit"  # the decision that asks what each grade earns
NAMES = ("argmax", "median", "expectation", CREDIT)
ROUNDING = 1e-6  # what a sum of float32 probabilities may miss by
SHRINKAGE = 0.1  # how far a prior is drawn towards a uniform one, so that a grade hardly ever seen is not overrated
MOST = 1_000_000  # that a decision may earn or cost: float32 holds whole numbers up to it exactly, and sums stay finite

Credit = tuple[tuple[float, ...], ...]  # (K, K) what each decision earns, true grade in rows


def require_decision(name: object, attribute: Attribute) -> None:
    """Makes sure that an attribute's grades can be decided so.

    Raises:
        UserError: an unknown decision, or one that needs an order where there is none.
    """
    if name not in NAMES:
        raise unknown("decision", name, NAMES)
    if name != "argmax" and not attribute.ordinal:
        raise UserError(f"decision {name!r}: needs ordered grades, and those of {attribute.name} are nominal: argmax")


def checked_credit(asked: Any, attribute: Attribute, where: str) -> Credit:
    """What somebody says that decisions on an attribute earn.

    Args:
        asked: K lists of K numbers, the j-th of the i-th for deciding grade j where grade i is the true one.
        attribute: decided on.
        where: it is said, for messages.

    Raises:
        UserError: not a number of at most MOST for each true grade and decision.
    """
    k = attribute.grades
    if not (_listed(asked, k) and all(_listed(row, k) and all(map(_bounded, row)) for row in asked)):
        numbers = f"{k} numbers from {-MOST} to {MOST}"
        raise UserError(f"{where}: give {k} rows, one a true grade, of {numbers}, one a decision")
    return tuple(tuple(map(float, row)) for row in asked)


def checked_credits(asked: Mapping[Any, Any], schema: Schema, where: str) -> dict[str, Credit]:
    """What somebody says that decisions earn, by the heads' names.

    Raises:
        UserError: an unknown head, one without ordered grades, or a matrix of other grades.
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
