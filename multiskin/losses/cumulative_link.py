"""Cumulative link: a latent score per photo, divided into grades by cut points; the proportional-odds model."""

import torch
import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss

MIN_GAP = 2.0**-14  # between cut points; the slope of the loss is up to its inverse, a quarter of the largest float16


class CumulativeLink(Loss):
    """-log P(grade), where P(grade > k) = sigmoid(logit_k) = sigmoid(f(photo) - cut_k).

    McCullagh, Regression Models for Ordinal Data, Journal of the Royal Statistical Society B 42, 1980, with his logit
    link. Cut points closer than MIN_GAP are treated as that far apart.
    """

    needs_order = True
    logit_kind = "cumulative"

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        return F.nll_loss(cumulative_log_probabilities(logits, MIN_GAP), grades, reduction="none")


def cumulative_log_probabilities(logits: Tensor, min_gap: float = 0.0) -> Tensor:
    """The log-probability (B, K) of each grade from the log-odds (B, K-1) of P(grade > k), non-increasing in k.

    Computed as sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), without cancellation or overflow. Two
    logits closer than `min_gap`, or than the machine epsilon if that is larger, are treated as that far apart.
    """
    min_gap = max(min_gap, torch.finfo(logits.dtype).eps)
    above = F.logsigmoid(logits)  # (B, K-1), log P(grade > k)
    below = F.logsigmoid(-logits)  # (B, K-1), log P(grade <= k)
    gaps = (logits[:, :-1] - logits[:, 1:]).clamp(min=min_gap)  # (B, K-2)
    between = torch.log(-torch.expm1(-gaps))
    return F.pad(above, (1, 0)) + F.pad(below, (0, 1)) + F.pad(between, (1, 1))
