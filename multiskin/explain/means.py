"""Tables of means over photos with bootstrap intervals: of all photos, by group, and of paired differences.

Like the bootstrap of the metrics, this one resamples subjects.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from multiskin.data.manifest import Manifest
from multiskin.explain.measures import Values
from multiskin.explain.methods import OURS
from multiskin.metrics.bootstrap import RESAMPLES, interval, unit_weights
from multiskin.schema import Schema

BY_GROUP = ("pointing", "energy")
TRUE_GRADE = "true grade"  # the column of groups that differ between heads
MEANS = ["head", "method", "measure", "photos", "subjects", "value", "low", "high", "lead", "lead_low", "lead_high"]
DIFFERENCES = ["head", "measure", "photos", "subjects", "value", "low", "high"]
GROUPS = ["column", "group", "measure", "head", "photos", "subjects", "value", "low", "high"]


def means_of(values: Values, photos: Manifest, seed: int) -> pd.DataFrame:
    """A table with a row for each head, method and measure with a value.

    Returns:
        The columns MEANS:

        - head, method, measure
        - photos, subjects: how many have a value
        - value, low, high: the mean and its 95 % interval
        - lead, lead_low, lead_high: the mean difference of the network's own maps minus these on the same photos, and
          its 95 % interval; NaN for the network's own maps
    """
    units, lines = photos.units, []
    for (method, measure), of_method in values.items():
        ours = values[OURS, measure]
        leads = np.full_like(ours, np.nan) if method == OURS else ours - of_method
        own, ahead = (resampled_means(each, units, seed) for each in (of_method, leads))  # (1 + R, H)
        for h, (name, known) in enumerate(zip(photos.schema.names, _known(of_method, units), strict=True)):
            if known.any():
                lines.append((name, method, measure, *known, *interval(own[:, h]), *interval(ahead[:, h])))
    return pd.DataFrame(lines, columns=MEANS)


def group_means_of(values: Values, photos: Manifest, seed: int) -> pd.DataFrame:
    """A table of the network's own maps with a row for each group of photos, measure of BY_GROUP and head.

    Returns:
        The columns GROUPS:

        - column, group: a column of the photos' groups and one of its values, or TRUE_GRADE and a grade
        - measure, head
        - photos, subjects: how many have a value
        - value, low, high: the mean and its 95 % interval
    """
    units, lines = photos.units, []
    for measure in BY_GROUP:
        ours = values.get((OURS, measure), np.full(photos.grades.shape, np.nan))
        for column, group, inside in _groups(photos):
            of_group = np.where(inside, ours, np.nan)
            means = resampled_means(of_group, units, seed)
            for h, (name, known) in enumerate(zip(photos.schema.names, _known(of_group, units), strict=True)):
                if known.any():
                    lines.append((column, group, measure, name, *known, *interval(means[:, h])))
    return pd.DataFrame(lines, columns=GROUPS)


def differences_of(values: Values, others: Values, schema: Schema, units: np.ndarray, seed: int) -> pd.DataFrame:
    """A table with a row for each head and measure for which the own maps of both networks have values.

    Args:
        values: the values of one network.
        others: the values of the other, for the same photos and heads.
        schema: the heads.
        units: (N,) the resampling unit of each photo.
        seed: seed of the resamples.

    Returns:
        The columns DIFFERENCES:

        - head, measure
        - photos, subjects: how many have a value of both networks
        - value, low, high: the mean difference, first minus other, and its 95 % interval
    """
    lines = []
    for (method, measure), of_method in values.items():
        if method == OURS and (OURS, measure) in others:
            ahead = of_method - others[OURS, measure]
            means = resampled_means(ahead, units, seed)
            for h, (name, known) in enumerate(zip(schema.names, _known(ahead, units), strict=True)):
                if known.any():
                    lines.append((name, measure, *known, *interval(means[:, h])))
    return pd.DataFrame(lines, columns=DIFFERENCES)


def _known(values: np.ndarray, units: np.ndarray) -> np.ndarray:
    """How many photos and how many subjects have values (N, H), by head: (H, 2)."""
    known = ~np.isnan(values)
    return np.array([(np.count_nonzero(column), len(np.unique(units[column]))) for column in known.T])


def _groups(photos: Manifest) -> Iterator[tuple[str, str, np.ndarray]]:
    """Every group: its column, its value, and whether each photo belongs to it, (N, H) or (N, 1)."""
    for grade in range(photos.schema.max_grades):
        yield TRUE_GRADE, str(grade), photos.grades == grade
    for column, cells in photos.groups.items():
        for group in sorted(set(cells) - {""}):
            yield str(column), group, (cells == group).to_numpy()[:, None]


def resampled_means(values: np.ndarray, units: np.ndarray, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """The mean of each column over the photos that have a value: first of the sample, then of each resample.

    Args:
        values: (N, M), NaN where a photo has no value.
        units: (N,) the resampling unit of each photo, as integers from 0.
        seed: seed of the resamples.
        resamples: their number R.

    Returns:
        (1 + R, M); NaN if no drawn photo has a value. If only one unit has values, all resamples are NaN, since the
        variation between units is then unknown.
    """
    known = ~np.isnan(values)
    totals, counts = np.zeros((2, units.max() + 1, values.shape[1]))
    np.add.at(totals, units, np.where(known, values, 0))
    np.add.at(counts, units, known)
    parts = [_ratio(weights @ totals, weights @ counts) for weights in unit_weights(len(counts), resamples, seed)]
    means = np.concatenate(parts)
    means[1:, np.count_nonzero(counts, axis=0) < 2] = np.nan
    return means


def _ratio(totals: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.divide(totals, counts, out=np.full_like(totals, np.nan), where=counts > 0)
