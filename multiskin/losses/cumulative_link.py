"""Cumulative link: one number per photo, cut into grades by ordered points; the proportional-odds model."""

import torch
import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss

MIN_GAP = 2.0**-14  # two cuts to the loss, whose slope is one over that: half precision holds up to four times as much


class CumulativeLink(Loss):
    """-log P(grade), where P(grade > k) = sigmoid(logit_k) = sigmoid(f(photo) - cut_k).

    McCullagh, Regression Models for Ordinal Data, Journal of the Royal Statistical Society B 42, 1980, with his logit
    link. Cuts that are closer than MIN_GAP are treated as that far apart.
    """

    needs_order = True
    logit_kind = "cumulative"

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        return F.nll_loss(cumulative_log_probabilities(logits, MIN_GAP), grades, reduction="none")


def cumulative_log_probabilities(logits: Tensor, min_gap: float = 0.0) -> Tensor:
    """The log-probability (B, K) of each grade from the log odds (B, K-1) of a higher one, which never rise.

    sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)) has no cancellation and no overflow. Two cuts that
    rounding has merged are treated as one unit of rounding apart, or `min_gap` where that is more.
    """
    min_gap = max(min_gap, torch.finfo(logits.dtype).eps)
    above = F.logsigmoid(logits)  # (B, K-1), log P(grade > k)
    below = F.logsigmoid(-logits)  # (B, K-1), log P(grade <= k)
    gaps = (logits[:, :-1] - logits[:, 1:]).clamp(min=min_gap)  # (B, K-2)
    between = torch.log(-torch.expm1(-gaps))
    return F.pad(above, (1, 0)) + F.pad(below, (0, 1)) + F.pad(between, (1, 1))
