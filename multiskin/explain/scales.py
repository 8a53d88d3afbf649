"""How strong a map has to be for the full colour: absolute amounts, so that noise stays as faint as it is.

What a place would add to a head's value, if the whole photo looked like it, has a natural size: that of the value's own
range. Half of the range is the full colour, and colours mean the same in every head and every photo. A head may be
given its own scale, but never one so fine that next to nothing looks like much.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from multiskin.schema import Attribute, Schema

LOGITS = 2.0  # full colour of a logit, which has no range: odds times 7
FINEST = 4  # times finer than the natural scale is the finest own one


class Scale(NamedTuple):
    """What the full colour stands for.

    Attributes:
        unit: of the explained value.
        full: so much of it.
    """

    unit: str
    full: float


ScaleRule = Callable[[Scale, Sequence[np.ndarray]], Scale]


def shared(natural: Scale, _: Sequence[np.ndarray]) -> Scale:
    """The natural scale, whatever the maps."""
    return natural


def own(natural: Scale, maps: Sequence[np.ndarray]) -> Scale:
    """The strongest value of some maps is the full colour, if it is not too weak for that."""
    strongest = max((float(np.abs(each).max()) for each in maps), default=0.0)
    return natural._replace(full=max(strongest, natural.full / FINEST))


RULES: dict[str, ScaleRule] = {"shared": shared, "each": own}


def natural_scale(explained: str, attribute: Attribute, schema: Schema) -> Scale:
    """The scale of a head's maps, the same for all heads of a schema that have the same unit.

    Args:
        explained: the word for what is explained: score, p2, >1, logit2.
        attribute: the head's.
        schema: all heads'.
    """
    if explained == "score" and attribute.ordinal:
        return Scale("grades", (max(each.grades for each in schema if each.ordinal) - 1) / 2)
    if explained == "score" or explained.startswith("logit"):  # of a nominal head it is the class's logit
        return Scale("logits", LOGITS)
    return Scale("probability", 0.5)


def finds_nothing(explained: str, attribute: Attribute, grade: int) -> bool:
    """Whether a head says that there is nothing, so that there is no evidence for more to be shown."""
    return attribute.ordinal and grade == 0 and (explained == "score" or explained.startswith(">"))
