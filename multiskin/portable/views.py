"""The views of a photo for test-time augmentation, whichever runtime is used.

Averaging over a photo and its mirror image follows Simonyan and Zisserman, ICLR 2015, section 3.2. The eight
combinations of flips and quarter turns are the dihedral group of a square, so the mean over them does not depend on
which of these ways a photo is flipped or turned.
"""

from typing import NamedTuple

from multiskin.errors import unknown


class View(NamedTuple):
    """A symmetry of a square photo.

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
    """The views of a name in VIEWS.

    Raises:
        UserError: the name is unknown.
    """
    if name not in VIEWS:
        raise unknown("views", name, VIEWS)
    return VIEWS[name]
