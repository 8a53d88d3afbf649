"""Splits photos by subject into train, val, test and optionally calibrate, stratified by the grades of all attributes.

Iterative stratification (Sechidis, Tsoumakas, Vlahavas: On the Stratification of Multi-Label Data, ECML PKDD 2011)
handles partial labels without changes: a missing grade counts nowhere. Here its labels are the cells (attribute, grade)
and its examples are subjects, which may have several photos.
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
    """The side of every photo, (N,) of SIDES; the same seed gives the same split whatever the order of the rows.

    A photo without a subject is a subject of its own. No side exceeds its share of the photos by a whole subject, and
    every side with a share gets a subject if there are enough of them, train first.

    Args:
        manifest: the photos.
        ratios: shares of train, val, test and, optionally, calibrate, in any unit; a side with share 0 stays empty.
        seed: chooses one of many equally good splits.

    Raises:
        UserError: ratios that are not three or four shares, no share for train, or a negative seed.
    """
    return np.array(SIDES)[_parts(manifest, _shares(ratios), seed)]


def make_folds(manifest: Manifest, folds: int, seed: int) -> np.ndarray:
    """The fold of every photo, (N,) of 0..folds-1: parts of equal size, made like the sides of a split.

    Raises:
        UserError: fewer subjects than folds, or a negative seed.
    """
    subjects = len(set(unit_names(manifest.subject, manifest.paths)))
    if subjects < folds:
        raise UserError(f"--folds {folds}: the photos are of {subjects} subjects; every fold needs one, so take fewer")
    return _parts(manifest, np.full(folds, 1 / folds), seed)


def _parts(manifest: Manifest, shares: np.ndarray, seed: int) -> np.ndarray:
    """The part of each photo (N,), an index into shares."""
    if seed < 0:
        raise UserError(f"data.split.seed is {seed}; give 0 or more")
    # np.unique sorts the subjects, so that the result does not depend on the order of the rows.
    _, subject = np.unique(unit_names(manifest.subject, manifest.paths), return_inverse=True)
    counts = _cell_counts(manifest, subject)
    return _stratify(counts, shares, np.random.default_rng(seed))[subject]


def split_table(manifest: Manifest, split: np.ndarray) -> pd.DataFrame:
    """The split as a table: row, image, subject, split, part and groups if known, and the grades."""
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
            f"data.split.ratios is {list(ratios)}; give shares of train, val, test and, optionally, calibrate such as "
            "[0.7, 0.2, 0.1], none negative and that of train above 0"
        )
    shares = np.array(ratios, dtype=float) / max(ratios)  # the sum of huge ratios could overflow
    return np.round(shares / shares.sum(), 12)  # so that 7 : 2 : 1 and 0.7 : 0.2 : 0.1 give exactly the same shares


def _cell_counts(manifest: Manifest, subject: np.ndarray) -> np.ndarray:
    """Counts (S, C + 1) of each subject's photos in each cell (attribute, grade) and, in the last column, in total."""
    size = subject.max(initial=-1) + 1
    counts = []
    for column, attribute in zip(manifest.grades.T, manifest.schema, strict=True):
        graded = column != MISSING
        cell = subject[graded] * attribute.grades + column[graded]
        counts.append(np.bincount(cell, minlength=size * attribute.grades).reshape(size, attribute.grades))
    return np.column_stack([*counts, np.bincount(subject, minlength=size)])


def _stratify(counts: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The side (S,) of every subject, from its counts (S, C + 1); there is one side per share."""
    wanted = np.outer(shares, counts.sum(axis=0))  # (sides, C + 1), photos that each side still needs
    wanted[:, -1] = _whole_photos(shares, counts[:, -1].sum())
    shuffled = rng.permutation(len(counts))
    chance = rng.random((len(counts), len(shares)))  # breaks ties between sides
    sides = np.full(len(counts), -1)
    filled = np.flatnonzero(shares).tolist()  # the sides that get photos
    empty = filled.copy()
    left = len(counts)
    while left:
        cell = _rarest_cell(counts[sides < 0])
        waiting = shuffled[(sides[shuffled] < 0) & (counts[shuffled, cell] > 0)]
        for subject in waiting[np.argsort(-counts[waiting, cell], kind="stable")]:  # those with most photos first
            # Once only as many subjects are left as sides are empty, these get them; if there are too few, train first.
            candidates = empty[:left] if left <= len(empty) else [j for j in filled if wanted[j, -1] > 0]
            side = max(candidates, key=lambda j: (wanted[j, cell], wanted[j, -1], chance[subject, j]))
            sides[subject] = side
            wanted[side] -= counts[subject]
            empty = [other for other in empty if other != side]
            left -= 1
    return sides


def _whole_photos(shares: np.ndarray, photos: int) -> np.ndarray:
    """The number of photos of each side, rounded by the largest remainder method so that they add up."""
    exact = shares * photos
    whole = np.floor(exact)
    rest = int(photos - whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:rest]] += 1
    return whole


def _rarest_cell(counts: np.ndarray) -> int:
    """The cell with the fewest photos left; the last column, all photos, once no graded photo is left."""
    photos = counts.sum(axis=0)
    return int(np.argmin(np.where(photos > 0, photos, np.inf)))
