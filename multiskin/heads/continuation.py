"""The continuation head: for each grade but the highest, the log-odds of a higher one, given at least this one."""

import torch
from torch import Tensor

from multiskin.heads.base import Head
from multiskin.losses import Loss
from multiskin.losses.corn import continuation_log_probabilities


class ContinuationHead(Head):
    """D = K-1 logits, each with its own weights: the log-odds that the grade is above k, given that it is at least k.

    The probability of a grade is a product of these conditional probabilities or their complements, so that the
    probabilities sum to 1 for any logits.
    """

    logit_kind = "continuation"

    def __init__(self, in_features: int, loss: Loss, dropout: float = 0.0, hidden: int | None = None) -> None:
        super().__init__(in_features, loss.num_grades - 1, loss, dropout, hidden)
        num_higher = torch.arange(loss.num_grades - 1, 0, -1)  # (K-1,), how many grades are above k
        with torch.no_grad():
            self.linear.bias.copy_(num_higher.log())  # equal probabilities of all grades

    def log_probabilities(self, logits: Tensor) -> Tensor:
        return continuation_log_probabilities(logits.float())
