"""What all losses share: rows without a grade add nothing, and the sum is divided by the number of all rows."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from multiskin.errors import UserError
from multiskin.schema import MISSING

LogitKind = Literal[
    "categorical",  # (B, K), one per grade, for a softmax
    "cumulative",  # (B, K-1), the log odds that the grade is above k; they never rise with k
    "continuation",  # (B, K-1), the log odds that the grade is above k, given that it is at least k
]


class Loss(nn.Module, ABC):
    """The loss of one head: sum over rows of weight * loss(row), divided by the number of rows in the batch.

    Rows that only other heads have grades for stay in the divisor. A batch drawn from q with weight p/q then has the
    expected loss of a batch drawn from p, E_q[w l] = E_p[l] (importance sampling); dividing by the sum of the weights
    or by the number of graded rows would bias it.

    What a loss derives from its options and counts is kept in buffers outside the state dict, so that a checkpoint
    holds the network's weights and nothing else.

    Args:
        counts: how many training photos have each grade, length K.

    Attributes:
        proper: whether the expected loss is lowest where the probabilities are what `prior` makes of the true shares of
            the grades, and only there. Where `prior` leaves them as they are, that is a strictly proper scoring rule:
            Gneiting and Raftery, Strictly Proper Scoring Rules, Prediction, and Estimation, Journal of the American
            Statistical Association 102, 2007.
    """

    needs_order: ClassVar[bool] = False  # True if it makes no sense for nominal grades
    soft_targets: ClassVar[bool] = False  # True if its targets spread over several grades, which calibration undoes
    logit_kind: ClassVar[LogitKind] = "categorical"  # the kind that it takes, and that a head must give

    proper: bool = True

    def __init__(self, counts: Sequence[int]) -> None:
        super().__init__()
        self.num_grades = len(counts)  # K

    def forward(self, logits: Tensor, grades: Tensor, weight: Tensor) -> Tensor:
        """The batch's loss, a scalar of float32, or of float64 if the logits are.

        A row whose grade is -1 or whose weight is 0 gives exactly zero loss and exactly zero gradient, whatever its
        logits. A batch of only such rows gives 0.0, and a gradient of zeros rather than none, as DDP needs.

        Args:
            logits: (B, D), of any floating type.
            grades: (B,) int64 in 0..K-1, or -1 where nobody gave one.
            weight: (B,) the weight of each row.
        """
        counted = (grades != MISSING) & (weight != 0)  # (B,)
        # Masked before the loss, not after it: 0 * inf is NaN. And with where, not by boolean indexing, which waits for
        # the GPU and gives every batch another shape.
        logits = torch.where(counted[:, None], logits, 0.0)
        grades = torch.where(counted, grades, 0)
        weight = torch.where(counted, weight, 0.0)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # autocast hands over half precision
        return (weight * self.per_row(logits, grades)).mean()

    def prior(self, drawn: Tensor) -> Tensor:
        """The probabilities (K,) that a network that knows nothing ends with, given the shares of grades drawn (K,).

        These are the drawn shares themselves where the loss is lowest for the true ones, as cross entropy is. For a
        loss that is not `proper` they are only the nearest simple answer. A grade that is never drawn has 0, whatever
        its probability would end at.
        """
        return drawn

    @classmethod
    def calibrated_prior(cls, prior: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """What the probabilities stand for (K,) once calibration has made them as sure as they should be.

        Args:
            prior: (K,) what they stand for as trained.
            drawn: (K,) the shares of the grades that were drawn.
        """
        return drawn if cls.soft_targets else prior

    @abstractmethod
    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        """The loss (B,) of each row from logits (B, D) and grades (B,) in 0..K-1.

        It must be finite, gradient included, at logits 0 and grade 0, which stand in for rows that do not count.
        """


def in_range(option: str, value: object, low: float, high: float) -> float:
    """The value of an option, if it is a number with low <= value < high.

    Raises:
        UserError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value < high:
        raise UserError(f"{option} is {value!r}; give a number of at least {low:g} and less than {high:.3g}")
    return float(value)
