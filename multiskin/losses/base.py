"""The base class of losses: rows without a grade contribute nothing, and the sum is divided by the batch size."""

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
    "cumulative",  # (B, K-1), the log-odds that the grade is above k, non-increasing in k
    "continuation",  # (B, K-1), the log-odds that the grade is above k, given that it is at least k
]


class Loss(nn.Module, ABC):
    """The loss of one head: sum over rows of weight * loss(row), divided by the number of rows in the batch.

    Rows that are graded only for other heads count in the divisor. The loss of a batch drawn from q with weights p/q is
    then an unbiased estimate of the expected loss under p, E_q[w l] = E_p[l] (importance sampling); dividing by the sum
    of the weights or by the number of graded rows would bias it.

    Tensors derived from options and counts are non-persistent buffers, so that a checkpoint contains only the network's
    weights.

    Args:
        counts: how many training photos have each grade, length K.

    Attributes:
        proper: whether the expected loss has its unique minimum where the probabilities are `prior` of the true
            probabilities of the grades. If `prior` is the identity, the loss is a strictly proper scoring rule
            (Gneiting and Raftery, Strictly Proper Scoring Rules, Prediction, and Estimation, Journal of the American
            Statistical Association 102, 2007).
    """

    needs_order: ClassVar[bool] = False  # True if it is meaningless for nominal grades
    soft_targets: ClassVar[bool] = False  # True if targets spread over several grades, which calibration undoes
    logit_kind: ClassVar[LogitKind] = "categorical"  # the kind that the loss takes

    proper: bool = True

    def __init__(self, counts: Sequence[int]) -> None:
        super().__init__()
        self.num_grades = len(counts)  # K

    def forward(self, logits: Tensor, grades: Tensor, weight: Tensor) -> Tensor:
        """The batch's loss, a scalar: float64 if the logits are, else float32.

        A row whose grade is -1 or whose weight is 0 has exactly zero loss and gradient, even if its logits are infinite
        or NaN. A batch of only such rows gives 0.0 with a gradient of zeros rather than none, as DDP requires.

        Args:
            logits: (B, D), of any floating-point type.
            grades: (B,) int64 in 0..K-1, or -1 where missing.
            weight: (B,) the weight of each row.
        """
        counted = (grades != MISSING) & (weight != 0)  # (B,)
        # Masked before the loss, since 0 * inf would be NaN, and with where instead of boolean indexing, which would
        # synchronize with the GPU and vary the shape from batch to batch.
        logits = torch.where(counted[:, None], logits, 0.0)
        grades = torch.where(counted, grades, 0)
        weight = torch.where(counted, weight, 0.0)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # half precision under autocast
        return (weight * self.per_row(logits, grades)).mean()

    def prior(self, drawn: Tensor) -> Tensor:
        """The probabilities (K,) that a network without any input learns if grades are drawn with these shares (K,).

        They minimize the expected loss: for cross entropy, they are the drawn shares themselves. For a loss that is not
        `proper` they are only an approximation. A grade that is never drawn has 0, even if its learned probability is
        higher.
        """
        return drawn

    @classmethod
    def calibrated_prior(cls, prior: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """The grade distribution (K,) that the probabilities refer to after calibration.

        Args:
            prior: (K,) the one that they refer to as trained.
            drawn: (K,) the shares of the grades drawn in training.
        """
        return drawn if cls.soft_targets else prior

    @abstractmethod
    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        """The loss (B,) of each row from logits (B, D) and grades (B,) in 0..K-1.

        The loss and its gradient must be finite at logits 0 and grade 0, which replace masked rows.
        """


def in_range(option: str, value: object, low: float, high: float) -> float:
    """The value of an option as a float, if low <= value < high.

    Raises:
        UserError: the value is not a number or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value < high:
        raise UserError(f"{option} is {value!r}; give a number of at least {low:g} and less than {high:.3g}")
    return float(value)
