"""Confidence intervals of a difference: of these trained models on new subjects, and of the method with new seeds too.

Each seed gives one difference, and all are measured on the same test set, like several readers of the same cases. So
the sampling error has a part that all seeds share and a part of each seed's own, and the seeds themselves differ as
well. Sources: the variance of the mean, Obuchowski and Rockette, 1995; its degrees of freedom, Hillis, 2007, after
Satterthwaite, 1946; the effective number of units, Carter, Schnepel and Steigerwald, 2017, here weighted by the units'
shares in a metric.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, stdtrit

from multiskin.metrics.bootstrap import Interval

UPPER_QUANTILE = 0.975  # two-sided 95 %
POWER = 0.8
MIN_EFFECTIVE_UNITS = 2.0  # effective units; with fewer, the variance cannot be estimated
# Gives 93 to 97 % coverage with 3 and 5 seeds, whatever part of the sampling error the seeds share.
DETECTION_QUANTILE = 0.6


def effective_number(shares: np.ndarray) -> float:
    """How many equally weighted units carry as much information: (sum of a^2)^2 / sum of a^4, of shares a (U,).

    A unit's share is the total weight of its photos in a metric. The number is U if all shares are equal, and close to
    the number of subjects with a rare grade if the metric is averaged over grades. NaN without photos.
    """
    variances = np.square(shares)
    return float(np.divide(variances.sum() ** 2, np.square(variances).sum())) if variances.any() else np.nan


@dataclass(frozen=True, eq=False)
class PairedDifference:
    """A candidate's metric minus a baseline's, for each seed, on one test set.

    Attributes:
        by_seed: (S,) differences.
        covariance: (S, S) sampling covariance of the differences, over test sets; NaN if unknown.
        dof: the degrees of freedom of the covariance; NaN if unknown.
    """

    by_seed: np.ndarray
    covariance: np.ndarray
    dof: float

    @classmethod
    def resampled(cls, differences: np.ndarray, shares: np.ndarray) -> "PairedDifference":
        """From the differences on the photos themselves and in R resamples (1 + R, S), and the shares of units (U,).

        The bootstrap variance is too small by the factor (n - 1) / n, where n is the number of units with a share, and
        is corrected for that. Resamples in which the metric is undefined are ignored.
        """
        known = differences[1:][~np.isnan(differences[1:]).any(axis=1)]
        seeds, effective, units = differences.shape[1], effective_number(shares), np.count_nonzero(shares)
        if len(known) < 2 or not effective >= MIN_EFFECTIVE_UNITS:
            return cls(differences[0], np.full((seeds, seeds), np.nan), np.nan)
        spread = np.ptp(known, axis=0).any()
        covariance = np.cov(known.T).reshape(seeds, seeds) if spread else np.zeros((seeds, seeds))
        return cls(differences[0], covariance * units / (units - 1), effective - 1)

    @property
    def no_spread(self) -> bool:
        """Whether all resamples are equal, as when both models make the same mistakes.

        Then nothing is known about other units, since the bootstrap can only draw what the sample contains.
        """
        return not self.covariance.any()

    @property
    def value(self) -> float:
        return float(self.by_seed.mean())

    @property
    def sampling_variance(self) -> float:
        """The variance over test sets of the mean over these seeds."""
        return max(float(self.covariance.mean()), 0.0)  # rounding can make it negative

    @property
    def shared_variance(self) -> float:
        """The mean covariance between seeds: the sampling variance they share; with few subjects it may be negative."""
        seeds = len(self.by_seed)
        return float(self.covariance.sum() - self.covariance.trace()) / (seeds * (seeds - 1))

    @property
    def seed_deviation(self) -> float:
        """The standard deviation over seeds of the differences on this test set; NaN with one seed."""
        return float(self.by_seed.std(ddof=1)) if len(self.by_seed) > 1 else np.nan

    @property
    def trained(self) -> Interval:
        """The interval for these trained models: how they differ on the population that the subjects come from."""
        return self._interval(self.sampling_variance, self.dof)

    @property
    def method(self) -> Interval:
        """The interval for retrained models: how they differ on average over seeds; no limits (NaN) with one seed.

        The variance is shared + s^2 / S, where shared is the covariance between seeds, at least 0, and s^2 is the
        variance over seeds, which includes each seed's own sampling error. If sampling error alone would give a larger
        s^2 in at least 40 % of test sets, no difference between seeds is detected, and the interval is that of these
        trained models. The variance is never smaller than theirs.
        """
        seeds = len(self.by_seed)
        if seeds < 2:
            return Interval(self.value, np.nan, np.nan)
        if not self._seeds_differ():
            return self.trained
        shared, own = max(self.shared_variance, 0.0), self.seed_deviation**2 / seeds
        variance = max(shared + own, self.sampling_variance)
        dof = 1 / ((shared / variance) ** 2 / self.dof + (own / variance) ** 2 / (seeds - 1))
        return self._interval(variance, min(dof, self.dof))

    def _seeds_differ(self) -> bool:
        """Whether the differences vary more over seeds than sampling error alone would mostly make them vary."""
        seeds = len(self.by_seed)
        by_sampling = max(float(self.covariance.trace()) / seeds - self.shared_variance, 0.0)
        return bool(self.seed_deviation**2 > by_sampling * chdtri(seeds - 1, 1 - DETECTION_QUANTILE) / (seeds - 1))

    @property
    def detectable(self) -> float:
        """The minimum detectable difference of these models: such a test set shows it with 80 % probability.

        (t(0.975) + t(0.8)) * standard error (Bloom, 1995); shown means that the two-sided 95 % interval is above 0.
        """
        if self.no_spread:
            return np.nan
        quantiles = stdtrit(self.dof, UPPER_QUANTILE) + stdtrit(self.dof, POWER)
        return float(quantiles * np.sqrt(self.sampling_variance))

    def _interval(self, variance: float, dof: float) -> Interval:
        if self.no_spread:
            return Interval(self.value, np.nan, np.nan)
        half = float(stdtrit(dof, UPPER_QUANTILE) * np.sqrt(variance))
        return Interval(self.value, self.value - half, self.value + half)
