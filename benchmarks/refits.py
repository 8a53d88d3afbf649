"""How often a calibration of the right form still misses the noise floor, since it is fitted to few photos.

Grades are drawn from calibrated probabilities as if these were true, for the photos that a calibration is fitted to and
for those that judge it, and the calibration is fitted anew (the parametric bootstrap: Efron and Tibshirani, An
Introduction to the Bootstrap, 1993).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from recalibrated import Calibrators, Fit, calibrated

from multiskin.calibration import GradedProbabilities
from multiskin.metrics.bootstrap import Interval
from multiskin.metrics.calibration import calibration_error
from multiskin.schema import MISSING, Schema

DRAWS = 100


class Refits(NamedTuple):
    """The results of fits to redrawn grades.

    Attributes:
        high: (H,) the calibration error that 97.5 of 100 fits stay below.
        missed: (H,) the share of fits with an error above the noise floor and above half of that as trained.
    """

    high: np.ndarray
    missed: np.ndarray


def refits(
    fit: Fit,
    method: str,
    photos: GradedProbabilities,
    test: GradedProbabilities,
    floors: Sequence[Interval],
    draws: int = DRAWS,
) -> Refits:
    """Repeats the fit of a method to photos, and its test, with redrawn grades.

    Args:
        fit: fits the calibrations.
        method: of all heads.
        photos: what it fits to.
        test: what judges it.
        floors: the noise floor of each head on the test photos.
        draws: how many times grades are drawn.
    """
    random, true = np.random.default_rng(0), fit(method, photos)
    errors, before = np.empty((2, draws, len(fit.schema)))
    for draw in range(draws):
        found = fit(method, redrawn(photos, fit.schema, true, random))
        judging = redrawn(test, fit.schema, true, random)
        after = judging._replace(probabilities=calibrated(test.probabilities, fit.schema, found))
        errors[draw], before[draw] = errors_of(after, fit.schema), errors_of(judging, fit.schema)
    missed = errors > highest_error(before, [floor.high for floor in floors])
    return Refits(np.percentile(errors, 97.5, axis=0), missed.mean(axis=0))


def highest_error(before: ArrayLike, floor_high: ArrayLike) -> np.ndarray:
    """The error up to which heads count as calibrated, from that as trained and the upper end of the noise floor."""
    return np.maximum(np.asarray(before) / 2, floor_high)


def redrawn(
    photos: GradedProbabilities, schema: Schema, calibrators: Calibrators, random: np.random.Generator
) -> GradedProbabilities:
    """The photos with grades drawn from their calibrated probabilities; missing grades stay missing."""
    cumulative = calibrated(photos.probabilities, schema, calibrators).cumsum(axis=2)  # (N, H, Kmax)
    last = [attribute.grades - 1 for attribute in schema]  # as rounding may leave the sum below 1
    drawn = np.minimum((random.random((*photos.grades.shape, 1)) >= cumulative).sum(axis=2), last)
    return photos._replace(grades=np.where(photos.grades == MISSING, MISSING, drawn))


def errors_of(photos: GradedProbabilities, schema: Schema) -> list[float]:
    """The calibration error of each head, as of ordered grades, on the photos graded for it."""
    return [calibration_error(*photos.of_head(h, attribute.grades)[:2]) for h, attribute in enumerate(schema)]
