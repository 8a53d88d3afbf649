"""The continuation head asks, grade after grade, whether the true grade is higher still."""

import torch
from torch import Tensor

from multiskin.heads.base import Head
from multiskin.losses import Loss
from multiskin.losses.corn import continuation_log_probabilities


class ContinuationHead(Head):
    """D = K-1 logits, each with its own weights: the log odds that the grade is above k, given that it is at least k.

    The probability of a grade is the product of the answers that lead to it, so that the probabilities sum to 1
    whatever the logits are.
    """

    logit_kind = "continuation"

    def __init__(self, in_features: int, loss: Loss, dropout: float = 0.0, hidden: int | None = None) -> None:
        super().__init__(in_features, loss.num_grades - 1, loss, dropout, hidden)
        beyond = torch.arange(loss.num_grades - 1, 0, -1)  # (K-1,), how many grades are higher than k
        with torch.no_grad():
            self.linear.bias.copy_(beyond.log())  # equal probabilities

    def probabilities(self, logits: Tensor) -> Tensor:
        return continuation_log_probabilities(logits.float()).exp()
