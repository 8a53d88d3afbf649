"""Train, val, test and optionally calibrate: whole subjects, each side with its share of every attribute's grades.

Iterative stratification (Sechidis, Tsoumakas, Vlahavas: On the Stratification of Multi-Label Data, ECML PKDD 2011)
fits partial labels as it is: a grade that nobody gave counts nowhere. Here its labels are the cells (attribute, grade)
and its examples are subjects, which bring several photos at once.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from multiskin.data.manifest import Manifest
from multiskin.data.units import unit_names
from multiskin.data.validation import SIDES
from multiskin.errors import UserError
from multiskin.schema import MISSING


def make_split(manifest: Manifest, ratios: Sequence[float], seed: int) -> np.ndarray:
    """The side of every photo, (N,) of SIDES; the same seed gives the same split whatever the row order.

    A photo without a subject is a subject of its own. No side exceeds its share of the photos by a whole subject, and
    every side with a share gets a subject if there are as many, train first.

    Args:
        manifest: the photos.
        ratios: shares of train, val and test, and maybe of calibrate, in any unit; a side of share 0 stays empty.
        seed: which of the many equally good splits.

    Raises:
        UserError: ratios that are not three or four shares, no share for train, or a negative seed.
    """
    return np.array(SIDES)[_parts(manifest, _shares(ratios), seed)]


def make_folds(manifest: Manifest, folds: int, seed: int) -> np.ndarray:
    """The fold of every photo, (N,) of 0..folds-1: parts of one size, made as the sides of a split are.

    Raises:
        UserError: fewer subjects than folds, or a negative seed.
    """
    subjects = len(set(unit_names(manifest.subject, manifest.paths)))
    if subjects < folds:
        raise UserError(f"--folds {folds}: the photos are of {subjects} subjects; every fold needs one, so take fewer")
    return _parts(manifest, np.full(folds, 1 / folds), seed)


def _parts(manifest: Manifest, shares: np.ndarray, seed: int) -> np.ndarray:
    """Which of the parts with these shares each photo is in, (N,)."""
    if seed < 0:
        raise UserError(f"data.split.seed is {seed}; give 0 or more")
    _, subject = np.unique(
        unit_names(manifest.subject, manifest.paths), return_inverse=True
    )  # sorted: the row order is forgotten here
    counts = _cell_counts(manifest, subject)
    return _stratify(counts, shares, np.random.default_rng(seed))[subject]


def split_table(manifest: Manifest, split: np.ndarray) -> pd.DataFrame:
    """The split as a file holds it: row, image, subject, split, and what is known of each photo, its grades too."""
    subject = "" if manifest.subject is None else manifest.subject
    columns: dict[str, Any] = {"row": manifest.rows, "image": manifest.paths, "subject": subject, "split": split}
    columns |= {} if manifest.part is None else {"part": manifest.part}
    columns |= {str(name): values.to_numpy() for name, values in manifest.groups.items() if name not in columns}
    for h, attribute in enumerate(manifest.schema):
        columns[attribute.true_column] = pd.Series(manifest.grades[:, h]).replace(MISSING, pd.NA).astype("Int64")
    return pd.DataFrame(columns)


def _shares(ratios: Sequence[float]) -> np.ndarray:
    """Three or four shares that sum to 1."""
    fits = len(ratios) in (len(SIDES) - 1, len(SIDES))
    if not fits or not all(math.isfinite(ratio) and ratio >= 0 for ratio in ratios) or not ratios[0] > 0:
        raise UserError(
            f"data.split.ratios is {list(ratios)}; give shares of train, val and test such as [0.7, 0.2, 0.1], maybe "
            "with a fourth one of calibrate, none negative and that of train above 0"
        )
    shares = np.array(ratios, dtype=float) / max(ratios)  # first, or the sum of huge ones overflows
    return np.round(shares / shares.sum(), 12)  # so that 7 : 2 : 1 and 0.7 : 0.2 : 0.1 are the same to the last bit


def _cell_counts(manifest: Manifest, subject: np.ndarray) -> np.ndarray:
    """Photos (S, C + 1) of every subject in every cell (attribute, grade), and in the last column all of its photos."""
    size = subject.max(initial=-1) + 1
    counts = []
    for column, attribute in zip(manifest.grades.T, manifest.schema, strict=True):
        graded = column != MISSING
        cell = subject[graded] * attribute.grades + column[graded]
        counts.append(np.bincount(cell, minlength=size * attribute.grades).reshape(size, attribute.grades))
    return np.column_stack([*counts, np.bincount(subject, minlength=size)])


def _stratify(counts: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The side (S,) of every subject, by its counts (S, C + 1); as many sides as there are shares."""
    wanted = np.outer(shares, counts.sum(axis=0))  # (sides, C + 1), photos that each side has yet to get
    wanted[:, -1] = _whole_photos(shares, counts[:, -1].sum())
    shuffled = rng.permutation(len(counts))
    chance = rng.random((len(counts), len(shares)))  # decides between equal sides
    sides = np.full(len(counts), -1)
    filled = np.flatnonzero(shares).tolist()  # the sides that are to get photos
    empty = filled.copy()
    left = len(counts)
    while left:
        cell = _rarest_cell(counts[sides < 0])
        waiting = shuffled[(sides[shuffled] < 0) & (counts[shuffled, cell] > 0)]
        for subject in waiting[np.argsort(-counts[waiting, cell], kind="stable")]:  # the largest first
            # Now or never for a side that has nobody; where there are too few subjects, train goes first.
            candidates = empty[:left] if left <= len(empty) else [j for j in filled if wanted[j, -1] > 0]
            side = max(candidates, key=lambda j: (wanted[j, cell], wanted[j, -1], chance[subject, j]))
            sides[subject] = side
            wanted[side] -= counts[subject]
            empty = [other for other in empty if other != side]
            left -= 1
    return sides


def _whole_photos(shares: np.ndarray, photos: int) -> np.ndarray:
    """The photos shared out by the largest remainder, so that sides can fill up exactly."""
    exact = shares * photos
    whole = np.floor(exact)
    rest = int(photos - whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:rest]] += 1
    return whole


def _rarest_cell(counts: np.ndarray) -> int:
    """The cell with the fewest photos left; the last column, all photos, once nothing graded is left."""
    photos = counts.sum(axis=0)
    return int(np.argmin(np.where(photos > 0, photos, np.inf)))
