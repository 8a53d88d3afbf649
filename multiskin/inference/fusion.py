"""From photos of one person to one prediction: each attribute is judged by the photos that show it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from multiskin.schema import Schema


class Fused(NamedTuple):
    """What photos of one person say together.

    Attributes:
        probabilities: (H, Kmax), the mean over the photos that count; 0 throughout where none does.
        counted: (N, H) bool, which photos count for which attribute.
    """

    probabilities: np.ndarray
    counted: np.ndarray


def graded_in(schema: Schema, parts: Mapping[str, Sequence[str]], shown: Sequence[str | None]) -> np.ndarray:
    """Which attributes photos of these parts of the face or body can be judged for: (N, H) bool.

    A part that no attribute was trained on, or an unnamed part, may show any attribute; an attribute without an entry
    in `parts` may show on any part.

    Args:
        schema: the attributes.
        parts: the parts on which each was graded in training.
        shown: the part on each photo; None where it is not known.
    """
    known = {part for graded in parts.values() for part in graded}
    return np.array(
        [
            [part not in known or part in parts.get(name, known) for name in schema.names]
            for part in (part or "" for part in shown)
        ],
        dtype=bool,
    ).reshape(len(shown), len(schema))


def fuse(probabilities: np.ndarray, counted: np.ndarray) -> Fused:
    """The mean over photos, attribute by attribute.

    Args:
        probabilities: (N, H, Kmax), of N photos of one person.
        counted: (N, H) bool, which photos count for which attribute.
    """
    weights = counted[..., None].astype(probabilities.dtype)  # (N, H, 1)
    return Fused((weights * probabilities).sum(axis=0) / np.maximum(weights.sum(axis=0), 1), counted)
