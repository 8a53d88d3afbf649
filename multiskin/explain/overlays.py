"""Draws maps on photos."""

from typing import NamedTuple

import matplotlib as mpl
import numpy as np


class Colours(NamedTuple):
    """How values are coloured, in units of the limit.

    Attributes:
        name: the name of a matplotlib colormap that colour-blind readers can read, too.
        zero: the position of the value 0 in it, 0..1; the value 1 is at its end.
        lowest: the lowest value shown, 0 or -1.
    """

    name: str
    zero: float
    lowest: int

    def shown(self, values: np.ndarray) -> np.ndarray:
        """A map with the values that these colours do not show set to 0."""
        return values if self.lowest < 0 else np.maximum(values, 0)


EVIDENCE = Colours("viridis", 0.35, 0)  # only positive values, from green to yellow, as its purple looks like redness
SIGNED = Colours("PRGn", 0.5, -1)  # green if positive, purple if negative: neither is a colour of skin


def overlay(
    photo: np.ndarray, values: np.ndarray, limit: float, opacity: float = 0.7, colours: Colours = EVIDENCE
) -> np.ndarray:
    """Blends a map over a photo; where the map is 0, the photo stays unchanged.

    Args:
        photo: (h, w, 3) uint8.
        values: (h, w) float, of any sign; NaN leaves a pixel unchanged.
        limit: the absolute value, above 0, from which the colour is full.
        opacity: opacity of the full colour, 0..1; below the limit it is proportional to the value.
        colours: which values are shown, and how.

    Returns:
        (h, w, 3) uint8.
    """
    colour, cover = _layer(values, limit, colours)
    cover *= opacity
    return np.rint((1 - cover) * photo + cover * 255 * colour).astype(np.uint8)


def coloured(values: np.ndarray, limit: float, colours: Colours = EVIDENCE) -> np.ndarray:
    """A map as a separate layer to put over a photo, transparent where it is 0: (h, w, 4) uint8, RGBA.

    Args:
        values: (h, w) float, of any sign; NaN is transparent.
        limit: the absolute value, above 0, from which the colour is full and opaque.
        colours: which values are shown, and how.
    """
    return np.rint(255 * np.concatenate(_layer(values, limit, colours), axis=-1)).astype(np.uint8)


def _layer(values: np.ndarray, limit: float, colours: Colours) -> tuple[np.ndarray, np.ndarray]:
    """The colour (h, w, 3) and the opacity (h, w, 1) of each pixel, both 0..1."""
    strength = np.clip(np.nan_to_num(values) / limit, colours.lowest, 1)  # (h, w)
    colour = mpl.colormaps[colours.name](colours.zero + (1 - colours.zero) * strength)[..., :3]
    return colour, np.abs(strength)[..., None]
