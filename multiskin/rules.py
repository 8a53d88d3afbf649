"""The decisions that there are, and what they have in common whatever computes them: torch here, NumPy in portable/."""

from multiskin.errors import UserError, unknown
from multiskin.schema import Attribute

NAMES = ("argmax", "median", "expectation", "credit")
ROUNDING = 1e-6  # what a sum of float32 probabilities may miss by
SHRINKAGE = 0.1  # how far a prior is drawn towards a uniform one, so that a grade hardly ever seen is not overrated


def require_decision(name: object, attribute: Attribute) -> None:
    """Makes sure that an attribute's grades can be decided so.

    Raises:
        UserError: an unknown decision, or one that needs an order where there is none.
    """
    if name not in NAMES:
        raise unknown("decision", name, NAMES)
    if name != "argmax" and not attribute.ordinal:
        raise UserError(f"decision {name!r}: needs ordered grades, and those of {attribute.name} are nominal: argmax")
