"""The views of a photo that a model may be averaged over, whatever runs it.

The mean over a photo and its mirror image is that of Simonyan and Zisserman, ICLR 2015, section 3.2. All eight flips
and quarter turns are the dihedral group of a square, so that the mean over them is the same however a photo is turned.
"""

from typing import NamedTuple

from multiskin.errors import unknown


class View(NamedTuple):
    """How a square photo is moved onto itself.

    Attributes:
        mirrored: whether left and right are swapped first.
        turns: quarter turns after that, counterclockwise.
    """

    mirrored: bool
    turns: int


AS_TAKEN = View(mirrored=False, turns=0)
ALONE = (AS_TAKEN,)
VIEWS = {
    "mirror": (AS_TAKEN, View(mirrored=True, turns=0)),
    "dihedral": tuple(View(mirrored, turns) for mirrored in (False, True) for turns in range(4)),
}


def views_of(name: str) -> tuple[View, ...]:
    """All views that a name stands for.

    Raises:
        UserError: an unknown name.
    """
    if name not in VIEWS:
        raise unknown("views", name, VIEWS)
    return VIEWS[name]
