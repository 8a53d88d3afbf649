"""CORN: one binary classifier per cut between grades, trained on the photos whose grade reaches that cut."""

import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss


class Corn(Loss):
    """Sum over k <= grade, k < K-1, of the binary cross entropy of P(grade > k | grade >= k) = sigmoid(logit_k).

    Shi, Cao and Raschka, Deep Neural Networks for Rank-Consistent Ordinal Regression Based on Conditional
    Probabilities, 2021, https://arxiv.org/abs/2111.08851. The source divides by the number of these terms in the batch;
    divided by the number of rows, as all losses here, it is the negative log-likelihood of the grades.
    """

    needs_order = True
    logit_kind = "continuation"

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        return F.nll_loss(continuation_log_probabilities(logits), grades, reduction="none")


def continuation_log_probabilities(logits: Tensor) -> Tensor:
    """The log-probability (B, K) of each grade from the log-odds (B, K-1) of P(grade > k | grade >= k)."""
    reached = F.logsigmoid(logits).cumsum(dim=1)  # (B, K-1), log P(grade > k)
    stopped = F.logsigmoid(-logits)  # (B, K-1), log P(grade = k | grade >= k)
    return F.pad(reached, (1, 0)) + F.pad(stopped, (0, 1))
