"""How sure a difference is: of these trained models on other subjects, and of the method with other seeds too.

Each seed gives a difference, and all of them are measured on one test set, as several readers of the same cases are.
So the sampling error has a part that the seeds share and one of each seed's own, and seeds differ beside that. Sources:
the variance of the mean, Obuchowski and Rockette, 1995; its degrees of freedom, Hillis, 2007, after Satterthwaite,
1946; the effective number of units, Carter, Schnepel and Steigerwald, 2017, here with the shares of a metric's photos.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, stdtrit

from multiskin.metrics.bootstrap import Interval

LEVEL = 0.975  # two-sided 95 %
POWER = 0.8
FEWEST = 2.0  # effective units: of fewer no spread can be told
BY_CHANCE = 0.6  # so that with 3 and 5 seeds 93 to 97 % hold the truth, whatever part of the error seeds share


def effective_number(shares: np.ndarray) -> float:
    """How many equal units would make as sure as these do: (sum of a^2)^2 / sum of a^4, of shares a (U,).

    A unit's share is the weight of its photos in a metric. The number is U where shares are equal, and near the number
    of subjects of a rare grade where the metric is averaged over grades. NaN without photos.
    """
    variances = np.square(shares)
    return float(np.divide(variances.sum() ** 2, np.square(variances).sum())) if variances.any() else np.nan


@dataclass(frozen=True, eq=False)
class PairedDifference:
    """A candidate's metric less a baseline's, seed by seed, on one test set.

    Attributes:
        by_seed: (S,) differences.
        covariance: (S, S) of them over test sets drawn anew; NaN if nothing is known of it.
        freedom: the degrees of freedom of that; NaN likewise.
    """

    by_seed: np.ndarray
    covariance: np.ndarray
    freedom: float

    @classmethod
    def resampled(cls, differences: np.ndarray, shares: np.ndarray) -> "PairedDifference":
        """From the differences as they are and in R resamples (1 + R, S), and the shares of units (U,).

        A bootstrap's variance is too small by (n - 1) / n, n units having a share. Resamples without a value are left
        out.
        """
        known = differences[1:][~np.isnan(differences[1:]).any(axis=1)]
        seeds, effective, units = differences.shape[1], effective_number(shares), np.count_nonzero(shares)
        if len(known) < 2 or not effective >= FEWEST:
            return cls(differences[0], np.full((seeds, seeds), np.nan), np.nan)
        spread = np.ptp(known, axis=0).any()
        covariance = np.cov(known.T).reshape(seeds, seeds) if spread else np.zeros((seeds, seeds))
        return cls(differences[0], covariance * units / (units - 1), effective - 1)

    @property
    def alike(self) -> bool:
        """Whether no resample differs from another, as of sides that are wrong on the same photos.

        Nothing is known then of what other units would show: the bootstrap draws nothing else than what it has.
        """
        return not self.covariance.any()

    @property
    def value(self) -> float:
        return float(self.by_seed.mean())

    @property
    def sampling_variance(self) -> float:
        """Of the mean over these seeds, from test set to test set."""
        return max(float(self.covariance.mean()), 0.0)  # which rounding can make of it

    @property
    def shared_variance(self) -> float:
        """What the seeds have in common of their sampling variances; with few subjects it may come out below 0."""
        seeds = len(self.by_seed)
        return float(self.covariance.sum() - self.covariance.trace()) / (seeds * (seeds - 1))

    @property
    def seed_deviation(self) -> float:
        """Of the differences on this test set; NaN of a single seed."""
        return float(self.by_seed.std(ddof=1)) if len(self.by_seed) > 1 else np.nan

    @property
    def trained(self) -> Interval:
        """Of these trained models: how they differ on all subjects such as those tested."""
        return self._interval(self.sampling_variance, self.freedom)

    @property
    def method(self) -> Interval:
        """Of models trained anew: how they differ on average over seeds; NaN of a single seed.

        The variance is shared + s^2 / S, where shared is the covariance between seeds, 0 at least, and s^2 the variance
        over seeds, which has the sampling error of each seed's own in it. Where sampling alone would give a larger s^2
        in four of ten test sets or more, the seeds are not seen to differ and the interval is that of these models; it
        is never narrower.
        """
        seeds = len(self.by_seed)
        if seeds < 2:
            return Interval(self.value, np.nan, np.nan)
        if not self._seeds_differ():
            return self.trained
        shared, own = max(self.shared_variance, 0.0), self.seed_deviation**2 / seeds
        variance = max(shared + own, self.sampling_variance)
        freedom = 1 / ((shared / variance) ** 2 / self.freedom + (own / variance) ** 2 / (seeds - 1))
        return self._interval(variance, min(freedom, self.freedom))

    def _seeds_differ(self) -> bool:
        """Whether seeds of one and the same true difference would mostly be closer together on a test set."""
        seeds = len(self.by_seed)
        by_sampling = max(float(self.covariance.trace()) / seeds - self.shared_variance, 0.0)
        return bool(self.seed_deviation**2 > by_sampling * chdtri(seeds - 1, 1 - BY_CHANCE) / (seeds - 1))

    @property
    def detectable(self) -> float:
        """The smallest true difference of these models that is shown on such a test set with 80 % probability.

        (t(0.975) + t(0.8)) * standard error (Bloom, 1995), shown meaning that the two-sided 95 % interval is above 0.
        """
        if self.alike:
            return np.nan
        quantiles = stdtrit(self.freedom, LEVEL) + stdtrit(self.freedom, POWER)
        return float(quantiles * np.sqrt(self.sampling_variance))

    def _interval(self, variance: float, freedom: float) -> Interval:
        if self.alike:
            return Interval(self.value, np.nan, np.nan)
        half = float(stdtrit(freedom, LEVEL) * np.sqrt(variance))
        return Interval(self.value, self.value - half, self.value + half)
