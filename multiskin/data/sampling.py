"""One stream of photos with a sampler per head: draws from a mixture, with importance weights for each head.

Head h asks for a distribution over its grades, which is a distribution p_h over the rows graded for h. Rows are drawn
from the mixture q = sum of a_h p_h, and head h counts a drawn row with w_h = p_h / q. Since E_q[w_h l] = E_{p_h}[l],
each head's gradient is in expectation that of its own sampler, though all heads share each batch. Batch-norm statistics
and the augmentation that a head sees from rows drawn for others follow the mixture.
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
    """What an epoch draws: rows (n,) and the head (n,) whose component of the mixture drew each."""

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
        """The mixture that the recipes ask of training grades (N, H)."""
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
        """Importance weights w (N, H): how much each head counts a drawn row.

        At most 1 / a_h, and 0 where the head has no grade.
        """
        q = self.rows[:, None]
        return np.divide(self.head_rows, q, out=np.zeros_like(self.head_rows), where=q > 0)

    @cached_property
    def effective(self) -> np.ndarray:
        """(H,) how many equally weighted draws one draw is worth to each head, in expectation: 1 / E_q[w_h^2].

        At least the head's share; 1 for a head whose distribution is the mixture's.
        """
        return 1 / (self.rows @ self.weights**2)

    def draw(self, number: int, random: np.random.Generator) -> Draws:
        """Draws systematically: each row floor or ceil of number * q times, in shuffled order.

        Evenly spaced points over the rows in a shuffled order keep the variance low, and make a uniform q an exact
        permutation when number is N (Madow 1949).
        """
        order = random.permutation(len(self.head_rows))
        edges = np.cumsum(self.rows[order])
        edges *= number / edges[-1]
        start = random.uniform(1e-6, 1 - 1e-6)  # clear of the edges, where rounding would decide
        drawn = order[np.searchsorted(edges, start + np.arange(number), side="right")]
        drawn = random.permutation(drawn)  # or a row's repeated draws would stand side by side
        return Draws(drawn, self._draw_heads(drawn, random))

    def _draw_heads(self, drawn: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Which head's component drew each row: h with probability a_h p_h / q."""
        parts = np.cumsum(self.head_rows[drawn] * self.shares, axis=1)  # (n, H)
        return (random.random((len(drawn), 1)) * parts[:, -1:] >= parts).sum(axis=1)


def _mixture_shares(schema: Schema, recipes: Sequence[Recipe]) -> np.ndarray:
    for attribute, recipe in zip(schema, recipes, strict=True):
        if not (np.isfinite(recipe.share) and recipe.share > 0):
            raise UserError(f"heads.{attribute.name}.share: {recipe.share} is not a positive number")
    shares = np.array([recipe.share for recipe in recipes], float)
    return shares / shares.sum()


def effective_sample_size(weights: np.ndarray) -> np.ndarray:
    """(H,) how many equally weighted draws the weighted draws (n, H) are worth: (sum w)^2 / sum w^2 (Kish 1965)."""
    squares = (weights**2).sum(axis=0)
    return np.divide(weights.sum(axis=0) ** 2, squares, out=np.zeros_like(squares), where=squares > 0)


class EveryRow(Sampler[int]):
    """Each of n rows once, in order, without extra rows to fill up a rank, so that validation and test are exact."""

    def __init__(self, rows: int, rank: int = 0, ranks: int = 1) -> None:
        self.own = range(rank, rows, ranks)

    def __iter__(self) -> Iterator[int]:
        return iter(self.own)

    def __len__(self) -> int:
        return len(self.own)


class Draw(NamedTuple):
    """One item of an epoch: all that decides the picture, so that workers never change a result."""

    row: int
    head: int
    epoch: int
    number: int


class MixtureSampler(Sampler[Draw]):
    """An epoch's draws, the same for a seed and epoch whatever the number of processes; each rank takes every n-th."""

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
        """Passes over the first draws of one epoch, which a run that was stopped in it or after it has made.

        A loader with workers draws ahead before Lightning has told the epoch.
        """
        self.position = (epoch, draws)
        self.epoch = epoch if draws < len(self) else epoch + 1

    def draws(self) -> Draws:
        """The whole epoch's draws, of all ranks."""
        return self.mixture.draw(self.draws_per_epoch, np.random.default_rng([self.seed, self.epoch]))

    def __iter__(self) -> Iterator[Draw]:
        rows, heads = self.draws()
        epoch, made = self.position
        for number in range(self.rank, self.draws_per_epoch, self.ranks)[made if epoch == self.epoch else 0 :]:
            yield Draw(int(rows[number]), int(heads[number]), self.epoch, number)

    def __len__(self) -> int:
        return len(range(self.rank, self.draws_per_epoch, self.ranks))
