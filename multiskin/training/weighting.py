"""Multi-task loss weighting, in addition to each recipe's loss_weight."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn


class Weighting(nn.Module, ABC):
    """Weights the heads' losses in each step, in addition to their loss_weight."""

    lr_factor: ClassVar[float] = 1.0  # learning rate of its parameters, as a multiple of optimizer.lr

    @abstractmethod
    def forward(self, losses: Tensor, shares: Tensor, step: int) -> Tensor:
        """The heads' terms (H,), whose sum weighted by loss_weight is minimised.

        Args:
            losses: (H,) losses of a batch, 0 for a head without a grade in it.
            shares: (H,) total weight of the rows graded for a head, divided by the batch size; 1 in expectation.
            step: number of optimizer steps so far.
        """

    def learned(self) -> dict[str, Tensor]:
        """The learned parameters, (H,) each, by their name in the log."""
        return {}


class Fixed(Weighting):
    """Leaves the losses as they are: with equal loss_weight, the total is their mean."""

    def forward(self, losses: Tensor, shares: Tensor, step: int) -> Tensor:
        return losses


class Uncertainty(Weighting):
    """Homoscedastic uncertainty: exp(-s) * loss + s / 2 with a learned log variance s per head.

    Source: Kendall, Gal and Cipolla 2018, eq. 10, https://arxiv.org/abs/1705.07115, the form for classification. The
    expression is the negative log likelihood of one observation, so s / 2 is added for each graded row with the row's
    weight, as the loss is; in expectation over the draws that is s / 2, as in the paper. If s / 2 were added for every
    batch, it would push the log variance of a head that has no grade in the batch.

    Args:
        heads: number of heads H.
    """

    lr_factor = 10.0  # Adam moves s by about the learning rate per step, and s has to move by about 1

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.log_variances = nn.Parameter(torch.zeros(heads))

    def forward(self, losses: Tensor, shares: Tensor, step: int) -> Tensor:
        return torch.exp(-self.log_variances) * losses + shares * self.log_variances / 2

    def learned(self) -> dict[str, Tensor]:
        return {"log_variance": self.log_variances.detach()}


class Random(Weighting):
    """Random loss weighting: H times the softmax of normal numbers drawn in each step; 1 per head in expectation.

    Source: Lin et al. 2022, https://arxiv.org/abs/2111.10603, a baseline for other weightings. The numbers depend on
    seed and step alone, so that they are the same in all processes and in a resumed run.

    Args:
        seed: seed of the run.
    """

    STREAM = (1,)  # spawn key, which keeps these random numbers apart from those that draw photos

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def forward(self, losses: Tensor, shares: Tensor, step: int) -> Tensor:
        random = np.random.default_rng(np.random.SeedSequence([self.seed, step], spawn_key=self.STREAM))
        drawn = torch.from_numpy(random.standard_normal(len(losses))).to(losses)
        return len(losses) * drawn.softmax(dim=0) * losses


def create_weighting(name: str | None, heads: int, seed: int) -> Weighting:
    """The loss weighting of that name; None for loss_weight alone."""
    weightings: dict[str | None, Callable[[], Weighting]] = {
        None: Fixed,
        "uncertainty": lambda: Uncertainty(heads),
        "random": lambda: Random(seed),
    }
    return weightings[name]()
