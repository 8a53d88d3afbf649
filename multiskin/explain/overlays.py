"""Maps on photographs: arrays in, pictures out."""

from typing import NamedTuple

import matplotlib as mpl
import numpy as np


class Colours(NamedTuple):
    """How values between lowest and 1, in units of the limit, are coloured.

    Attributes:
        name: of a colour map of matplotlib's that colour-blind readers can read, too.
        zero: where in it the value 0 is, 0..1; the value 1 is at its end.
        lowest: 0 or -1.
    """

    name: str
    zero: float
    lowest: int

    def shown(self, values: np.ndarray) -> np.ndarray:
        """The part of a map that these colours show, 0 for all else."""
        return values if self.lowest < 0 else np.maximum(values, 0)


EVIDENCE = Colours("viridis", 0.35, 0)  # only what speaks for more, from green to yellow: its purple looks like redness
SIGNED = Colours("PRGn", 0.5, -1)  # green for more, purple for less: neither is a colour of skin


def overlay(
    photo: np.ndarray, values: np.ndarray, limit: float, opacity: float = 0.7, colours: Colours = EVIDENCE
) -> np.ndarray:
    """Colours a photo where a map is strong, and leaves it as it is where the map is 0.

    Args:
        photo: (h, w, 3) uint8.
        values: (h, w) float, of any sign; NaN leaves a pixel as it is.
        limit: the value, above 0, from which on the colour is full.
        opacity: of the full colour, 0..1; that of others follows the value.
        colours: what is shown of the map, and how.

    Returns:
        (h, w, 3) uint8.
    """
    colour, cover = _layer(values, limit, colours)
    cover *= opacity
    return np.rint((1 - cover) * photo + cover * 255 * colour).astype(np.uint8)


def coloured(values: np.ndarray, limit: float, colours: Colours = EVIDENCE) -> np.ndarray:
    """A map as a picture of its own, transparent where it is 0, to be laid on a photo: (h, w, 4) uint8, RGBA.

    Args:
        values: (h, w) float, of any sign; NaN is transparent.
        limit: the value, above 0, from which on the colour is full and opaque.
        colours: what is shown of the map, and how.
    """
    return np.rint(255 * np.concatenate(_layer(values, limit, colours), axis=-1)).astype(np.uint8)


def _layer(values: np.ndarray, limit: float, colours: Colours) -> tuple[np.ndarray, np.ndarray]:
    """The colour (h, w, 3) of each place and how much of it there is (h, w, 1), both 0..1."""
    strength = np.clip(np.nan_to_num(values) / limit, colours.lowest, 1)  # (h, w)
    colour = mpl.colormaps[colours.name](colours.zero + (1 - colours.zero) * strength)[..., :3]
    return colour, np.abs(strength)[..., None]
