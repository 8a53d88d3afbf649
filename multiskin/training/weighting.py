"""How the losses of several heads become the one that is minimised, beside the weights that recipes give them."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn


class Weighting(nn.Module, ABC):
    """What each head's loss counts in a step, next to its loss_weight."""

    lr_factor: ClassVar[float] = 1.0  # of what it learns, as a multiple of the learning rate

    @abstractmethod
    def forward(self, losses: Tensor, shares: Tensor, step: int) -> Tensor:
        """The heads' terms (H,), whose sum by loss_weight is minimised.

        Args:
            losses: (H,) of a batch, 0 for a head without a grade in it.
            shares: (H,) what the rows with a head's grade weigh, by all rows; 1 in expectation, 0 without a grade.
            step: how many steps the optimizer has made.
        """

    def learned(self) -> dict[str, Tensor]:
        """What it has learned of the heads, (H,) by its name in the log."""
        return {}


class Fixed(Weighting):
    """The losses as they are: with equal loss_weight, their mean."""

    def forward(self, losses: Tensor, shares: Tensor, step: int) -> Tensor:
        return losses


class Uncertainty(Weighting):
    """A head that is hard to be sure of counts less: exp(-s) * loss + s / 2, with a log variance s learned for each.

    Source: Kendall, Gal and Cipolla 2018, eq. 10, https://arxiv.org/abs/1705.07115, the form for classification. It
    is the negative log likelihood of one observation, so that s / 2 is paid for each graded row, by the row's weight,
    as the loss is. In expectation over the draws that is s / 2, as in the paper; paid for every batch, it would push
    the log variance of a head without a grade in the batch, and left out of those, it would count a seldom graded
    head's differently.

    Args:
        heads: H.
    """

    lr_factor = 10.0  # for Adam moves s by about the learning rate a step, and s has a way of about 1 to go

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.log_variances = nn.Parameter(torch.zeros(heads))

    def forward(self, losses: Tensor, shares: Tensor, step: int) -> Tensor:
        return torch.exp(-self.log_variances) * losses + shares * self.log_variances / 2

    def learned(self) -> dict[str, Tensor]:
        return {"log_variance": self.log_variances.detach()}


class Random(Weighting):
    """H times the softmax of normal numbers drawn anew each step: in expectation over the steps, the loss as it is.

    Source: Lin et al. 2022, https://arxiv.org/abs/2111.10603; what a better weighting has to be better than. The
    numbers depend on seed and step alone, so that they are the same in all processes and for a run that is gone on
    with.

    Args:
        seed: of the run.
    """

    STREAM = (1,)  # of random numbers, apart from those that draw photos

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def forward(self, losses: Tensor, shares: Tensor, step: int) -> Tensor:
        random = np.random.default_rng(np.random.SeedSequence([self.seed, step], spawn_key=self.STREAM))
        drawn = torch.from_numpy(random.standard_normal(len(losses))).to(losses)
        return len(losses) * drawn.softmax(dim=0) * losses


def create_weighting(name: str | None, heads: int, seed: int) -> Weighting:
    """The named way to weigh so many heads; by loss_weight alone if there is no name."""
    ways: dict[str | None, Callable[[], Weighting]] = {
        None: Fixed,
        "uncertainty": lambda: Uncertainty(heads),
        "random": lambda: Random(seed),
    }
    return ways[name]()
