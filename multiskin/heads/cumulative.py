"""The cumulative head: one number per photo, and the points that cut its range into grades."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multiskin.heads.base import Head
from multiskin.losses import Loss
from multiskin.losses.cumulative_link import cumulative_log_probabilities

# How much further one step moves the distance between cut points than a weight; chosen on validation photos.
PACE = 10.0


class CumulativeHead(Head):
    """D = K-1 logits, hidden(features) @ weight - cut_k: the log odds that the grade is above k.

    The cut points are in order by construction: their mean is the linear layer's bias, negated, and each lies
    softplus(PACE * gap) above the one before. All logits share one row of weights, which the read-out repeats.

    The number that is cut is a sum over hundreds of weights and grows fast. A distance is one parameter, which some
    hundred steps of Adam at a usual learning rate move by less than 1: at that pace the cut points would stay as close
    together as they began, and no grade but the first and the last could ever become likely.
    """

    logit_kind = "cumulative"

    def __init__(self, in_features: int, loss: Loss, dropout: float = 0.0, hidden: int | None = None) -> None:
        super().__init__(in_features, 1, loss, dropout, hidden)
        k = loss.num_grades
        cuts = torch.logit(torch.arange(1, k) / k)  # (K-1,), equal probabilities
        self.paced_gaps = nn.Parameter(cuts.diff().expm1().log() / PACE)  # (K-2,)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (B, K-1) of features (B, C), never in half precision, which would merge cut points."""
        number = super().forward(features)  # (B, 1)
        full = torch.promote_types(number.dtype, torch.float32)
        distances = F.softplus(PACE * self.paced_gaps.to(full))  # (K-2,)
        above_first = F.pad(distances.cumsum(dim=0), (1, 0))  # (K-1,)
        return number.to(full) - (above_first - above_first.mean())

    @property
    def readout(self) -> Tensor:
        return self.linear.weight.expand(self.loss.num_grades - 1, -1)

    def probabilities(self, logits: Tensor) -> Tensor:
        return cumulative_log_probabilities(logits.float()).exp()
