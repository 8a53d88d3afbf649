"""The value of a map that is shown in full colour: an absolute amount, so that noise stays faint.

A map says how much each position would contribute to a head's value if the whole photo looked like it, so the range of
the value is its natural scale. Half of this range is shown in full colour, and a colour means the same in every head
and every photo. A head may also be shown on its own scale, which has a lower limit so that noise does not look strong.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from multiskin.schema import Attribute, Schema

FULL_LOGITS = 2.0  # full colour of a logit, whose range is unlimited; it multiplies odds by 7
MAX_REFINEMENT = 4  # a head's own scale is at most this many times finer than the natural one


class Scale(NamedTuple):
    """What full colour stands for.

    Attributes:
        unit: the unit of the explained value.
        full: the amount that is shown in full colour.
    """

    unit: str
    full: float


ScaleRule = Callable[[Scale, Sequence[np.ndarray]], Scale]


def shared(natural: Scale, _: Sequence[np.ndarray]) -> Scale:
    """The natural scale, whatever the maps are."""
    return natural


def own(natural: Scale, maps: Sequence[np.ndarray]) -> Scale:
    """Full colour for the largest absolute value of these maps, unless that is too small."""
    strongest = max((float(np.abs(each).max()) for each in maps), default=0.0)
    return natural._replace(full=max(strongest, natural.full / MAX_REFINEMENT))


RULES: dict[str, ScaleRule] = {"shared": shared, "each": own}


def natural_scale(explained: str, attribute: Attribute, schema: Schema) -> Scale:
    """The scale of a head's maps, the same for all heads of a schema with the same unit.

    Args:
        explained: the name of the explained scalar: score, p2, >1 or logit2.
        attribute: what the head grades.
        schema: the attributes of all heads.
    """
    if explained == "score" and attribute.ordinal:
        return Scale("grades", (max(each.grades for each in schema if each.ordinal) - 1) / 2)
    if explained == "score" or explained.startswith("logit"):  # a nominal head's score is a logit
        return Scale("logits", FULL_LOGITS)
    return Scale("probability", 0.5)


def finds_nothing(explained: str, attribute: Attribute, grade: int) -> bool:
    """Whether a head finds nothing in a photo, so that there is no evidence of more to show."""
    return attribute.ordinal and grade == 0 and (explained == "score" or explained.startswith(">"))
