"""The cumulative head: one number for each photo, and the points that cut it into grades."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multiskin.heads.base import Head
from multiskin.losses import Loss
from multiskin.losses.cumulative_link import cumulative_log_probabilities


class CumulativeHead(Head):
    """D = K-1 logits, hidden(features) @ weight - cut_k: the log odds of a higher grade than k.

    The cut points are in order by construction: the first is the linear layer's bias, negated, and each other one lies
    softplus(gap) above the one before. All logits share one row of weights, which the read-out repeats.
    """

    logits = "cumulative"

    def __init__(self, in_features: int, loss: Loss, dropout: float = 0.0, hidden: int | None = None) -> None:
        super().__init__(in_features, 1, loss, dropout, hidden)
        k = loss.num_grades
        cuts = torch.logit(torch.arange(1, k) / k)  # (K-1,), equal probabilities
        nn.init.constant_(self.linear.bias, -cuts[0].item())
        self.gaps = nn.Parameter(cuts.diff().expm1().log())  # (K-2,), softplus of them is the distance

    def forward(self, features: Tensor) -> Tensor:
        """Logits (B, K-1) of features (B, C), never in half precision, which would bring cut points together."""
        number = super().forward(features)  # (B, 1)
        full = torch.promote_types(number.dtype, torch.float32)
        above_first = F.pad(F.softplus(self.gaps.to(full)).cumsum(dim=0), (1, 0))  # (K-1,)
        return number.to(full) - above_first

    @property
    def readout(self) -> Tensor:
        return self.linear.weight.expand(self.loss.num_grades - 1, -1)

    def probabilities(self, logits: Tensor) -> Tensor:
        return cumulative_log_probabilities(logits.float()).exp()
