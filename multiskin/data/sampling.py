"""One stream of photos for all heads: draws from a mixture of the heads' distributions, with importance weights.

Head h asks for a distribution over its grades, which gives a distribution p_h over the rows graded for h. Rows are
drawn from the mixture q = sum of a_h p_h, and head h weights a drawn row by w_h = p_h / q. Since E_q[w_h l] =
E_{p_h}[l], each head's gradient is in expectation that of its own sampler, though all heads share each batch.
Batch-norm statistics, and the augmentation of rows drawn for other heads, follow the mixture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from multiskin.config import Recipe
from multiskin.errors import UserError
from multiskin.resampling import grade_distribution
from multiskin.schema import MISSING, Schema


class Draws(NamedTuple):
    """The draws of an epoch: rows (n,), and for each the head (n,) whose mixture component drew it."""

    rows: np.ndarray
    heads: np.ndarray


@dataclass(frozen=True)
class Mixture:
    """The heads' row distributions and their mixture.

    Attributes:
        head_rows: p (N, H), each column a distribution over the rows graded for that head.
        shares: a (H,), summing to 1.
    """

    head_rows: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, grades: np.ndarray, schema: Schema, recipes: Sequence[Recipe]) -> "Mixture":
        """The mixture that the recipes define for training grades (N, H)."""
        columns = []
        for attribute, recipe, column in zip(schema, recipes, grades.T, strict=True):
            graded = column != MISSING
            counts = np.bincount(column[graded], minlength=attribute.grades)
            asked = grade_distribution(recipe.resample, counts, attribute)
            by_grade = np.divide(asked, counts, out=np.zeros_like(asked), where=counts > 0)
            columns.append(np.where(graded, by_grade[column], 0.0))
        return cls(np.stack(columns, axis=1), _mixture_shares(schema, recipes))

    @cached_property
    def rows(self) -> np.ndarray:
        """The mixture q (N,), the distribution that rows are drawn from."""
        return self.head_rows @ self.shares

    @cached_property
    def weights(self) -> np.ndarray:
        """Importance weights w (N, H) of drawn rows for each head: at most 1 / a_h, 0 where the head has no grade."""
        q = self.rows[:, None]
        return np.divide(self.head_rows, q, out=np.zeros_like(self.head_rows), where=q > 0)

    @cached_property
    def effective(self) -> np.ndarray:
        """(H,) expected effective sample size per draw for each head: 1 / E_q[w_h^2].

        At least the head's share; 1 for a head whose distribution is that of the mixture.
        """
        return 1 / (self.rows @ self.weights**2)

    def draw(self, number: int, random: np.random.Generator) -> Draws:
        """Systematic sampling: draws each row floor or ceil of number * q times, in shuffled order.

        Evenly spaced points over the shuffled rows keep the variance low; for a uniform q and number = N, the draws are
        a permutation of the rows (Madow 1949).
        """
        order = random.permutation(len(self.head_rows))
        edges = np.cumsum(self.rows[order])
        edges *= number / edges[-1]
        start = random.uniform(1e-6, 1 - 1e-6)  # away from the edges, where rounding errors would matter
        drawn = order[np.searchsorted(edges, start + np.arange(number), side="right")]
        drawn = random.permutation(drawn)  # otherwise repeated draws of a row would be adjacent
        return Draws(drawn, self._draw_heads(drawn, random))

    def _draw_heads(self, drawn: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The head whose component drew each row: h with probability a_h p_h / q."""
        parts = np.cumsum(self.head_rows[drawn] * self.shares, axis=1)  # (n, H)
        return (random.random((len(drawn), 1)) * parts[:, -1:] >= parts).sum(axis=1)


def _mixture_shares(schema: Schema, recipes: Sequence[Recipe]) -> np.ndarray:
    for attribute, recipe in zip(schema, recipes, strict=True):
        if not (np.isfinite(recipe.share) and recipe.share > 0):
            raise UserError(f"heads.{attribute.name}.share: {recipe.share} is not a positive number")
    shares = np.array([recipe.share for recipe in recipes], float)
    return shares / shares.sum()


def effective_sample_size(weights: np.ndarray) -> np.ndarray:
    """The effective sample size (H,) of weighted draws (n, H): (sum w)^2 / sum w^2 (Kish 1965)."""
    squares = (weights**2).sum(axis=0)
    return np.divide(weights.sum(axis=0) ** 2, squares, out=np.zeros_like(squares), where=squares > 0)


class EveryRow(Sampler[int]):
    """Each row once, in order; ranks are not padded with repeated rows, so that validation and test are exact."""

    def __init__(self, rows: int, rank: int = 0, ranks: int = 1) -> None:
        self.own = range(rank, rows, ranks)

    def __iter__(self) -> Iterator[int]:
        return iter(self.own)

    def __len__(self) -> int:
        return len(self.own)


class Draw(NamedTuple):
    """One item of an epoch, with everything that determines its augmented picture, whichever worker makes it."""

    row: int
    head: int
    epoch: int
    number: int


class MixtureSampler(Sampler[Draw]):
    """An epoch's draws, which depend on seed and epoch only; each of n ranks takes every n-th."""

    def __init__(self, mixture: Mixture, draws_per_epoch: int, seed: int, rank: int = 0, ranks: int = 1) -> None:
        self.mixture = mixture
        self.draws_per_epoch = draws_per_epoch
        self.seed = seed
        self.rank = rank
        self.ranks = ranks
        self.epoch = 0
        self.position = (0, 0)

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def resume(self, epoch: int, draws: int) -> None:
        """Skips the first draws of an epoch, which the run made before it was stopped.

        Sets the epoch too, since a loader with workers starts to draw before Lightning calls set_epoch.
        """
        self.position = (epoch, draws)
        self.epoch = epoch if draws < len(self) else epoch + 1

    def draws(self) -> Draws:
        """The draws of all ranks in this epoch."""
        return self.mixture.draw(self.draws_per_epoch, np.random.default_rng([self.seed, self.epoch]))

    def __iter__(self) -> Iterator[Draw]:
        rows, heads = self.draws()
        epoch, done = self.position
        for number in range(self.rank, self.draws_per_epoch, self.ranks)[done if epoch == self.epoch else 0 :]:
            yield Draw(int(rows[number]), int(heads[number]), self.epoch, number)

    def __len__(self) -> int:
        return len(range(self.rank, self.draws_per_epoch, self.ranks))
