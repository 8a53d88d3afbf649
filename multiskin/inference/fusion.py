"""Fuses photos of one person to one prediction: each attribute is graded from the photos that show it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from multiskin.schema import Schema


class Fused(NamedTuple):
    """The fused probabilities of N photos of one person.

    Attributes:
        probabilities: (H, Kmax), the mean over the photos that count; all 0 for an attribute without any.
        counted: (N, H) bool, which photos count for which attribute.
    """

    probabilities: np.ndarray
    counted: np.ndarray


def graded_in(schema: Schema, parts: Mapping[str, Sequence[str]], shown: Sequence[str | None]) -> np.ndarray:
    """Which attributes can be graded in photos of given parts of the face or body: (N, H) bool.

    A part that no attribute was trained on, or an unknown part, may show any attribute; an attribute without an entry
    in `parts` may show on any part.

    Args:
        schema: the attributes.
        parts: the parts on which each attribute was graded in training.
        shown: the part in each photo; None if unknown.
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
    """The mean of probabilities over the photos that count, for each attribute.

    Args:
        probabilities: (N, H, Kmax) of N photos of one person.
        counted: (N, H) bool, which photos count for which attribute.
    """
    weights = counted[..., None].astype(probabilities.dtype)  # (N, H, 1)
    return Fused((weights * probabilities).sum(axis=0) / np.maximum(weights.sum(axis=0), 1), counted)
