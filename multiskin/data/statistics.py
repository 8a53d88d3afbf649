"""Which attributes are graded on the same photos, and how their grades correlate."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from multiskin.data.manifest import Manifest
from multiskin.schema import MISSING, Attribute

FEWEST = 10  # photos graded for both attributes that a correlation needs


class Pair(NamedTuple):
    """Two attributes on the photos that are graded for both.

    Attributes:
        first: an attribute with K grades.
        second: an attribute with L grades.
        counts: (K, L) photos by their grades.
        correlation: Spearman's rank correlation; NaN for nominal attributes, too few photos, or a constant grade.
    """

    first: Attribute
    second: Attribute
    counts: np.ndarray
    correlation: float

    @property
    def photos(self) -> int:
        return int(self.counts.sum())


def pairs(manifest: Manifest) -> Iterator[Pair]:
    """All pairs of attributes, in the order of the schema."""
    correlations = _correlations(manifest)
    for g, h in combinations(range(len(manifest.schema)), 2):
        first, second = (manifest.schema.attributes[each] for each in (g, h))
        grades = manifest.grades[:, [g, h]]
        both = grades[(grades != MISSING).all(axis=1)]
        counts = np.zeros((first.grades, second.grades), dtype=np.int64)
        np.add.at(counts, tuple(both.T), 1)
        yield Pair(first, second, counts, correlations[g, h])


def _correlations(manifest: Manifest) -> np.ndarray:
    """Spearman's rank correlations (H, H), each on the photos graded for both attributes."""
    ordered = [attribute.ordinal for attribute in manifest.schema]
    grades = pd.DataFrame(np.where((manifest.grades != MISSING) & ordered, manifest.grades, np.nan))
    return grades.corr(method="spearman", min_periods=FEWEST).to_numpy()


def patterns(manifest: Manifest) -> list[tuple[tuple[Attribute, ...], int]]:
    """The sets of attributes that are graded together, with the number of such photos, most photos first."""
    counts = Counter(map(tuple, (manifest.grades != MISSING).tolist()))
    attributes = manifest.schema.attributes
    return [
        (tuple(attribute for attribute, graded in zip(attributes, pattern, strict=True) if graded), photos)
        for pattern, photos in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
