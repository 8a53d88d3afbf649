"""CORN: one binary question for each cut of the scale, asked only where the grade reaches that cut."""

import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss


class Corn(Loss):
    """-sum over k <= grade, k < K - 1, of the log-likelihood of whether the grade is higher than k.

    Shi, Cao and Raschka, Deep Neural Networks for Rank-Consistent Ordinal Regression Based on Conditional
    Probabilities, 2021, https://arxiv.org/abs/2111.08851. The source divides by the number of questions asked in the
    batch; this divides by rows, as every loss here does, and so is the grade's negative log-likelihood.
    """

    needs_order = True
    logit_kind = "continuation"

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        return F.nll_loss(continuation_log_probabilities(logits), grades, reduction="none")


def continuation_log_probabilities(logits: Tensor) -> Tensor:
    """The log-probability (B, K) of each grade from the log odds (B, K-1) of passing each cut that is reached."""
    reached = F.logsigmoid(logits).cumsum(dim=1)  # (B, K-1), log P(grade > k)
    stopped = F.logsigmoid(-logits)  # (B, K-1), log P(grade = k where it is at least k)
    return F.pad(reached, (1, 0)) + F.pad(stopped, (0, 1))
