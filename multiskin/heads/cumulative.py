"""The cumulative head: one latent score per photo, and cut points that divide its range into grades."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multiskin.heads.base import Head
from multiskin.losses import Loss
from multiskin.losses.cumulative_link import cumulative_log_probabilities

# Factor by which the gaps between cut points learn faster than the weights; chosen on validation photos.
PACE = 10.0


class CumulativeHead(Head):
    """D = K-1 logits, hidden(features) @ weight - cut_k: the log-odds that the grade is above k.

    The cut points are in order by construction: their mean is minus the linear layer's bias, and each lies
    softplus(PACE * paced_gap) above the previous one. All logits share one row of weights, which the readout repeats.

    PACE is needed because the latent score is a sum over hundreds of weights and quickly grows in training, whereas a
    gap is a single parameter, which a few hundred steps of Adam at a usual learning rate change by less than 1. The cut
    points would remain close together, and only the lowest and the highest grade could become likely.
    """

    logit_kind = "cumulative"

    def __init__(self, in_features: int, loss: Loss, dropout: float = 0.0, hidden: int | None = None) -> None:
        super().__init__(in_features, 1, loss, dropout, hidden)
        k = loss.num_grades
        cuts = torch.logit(torch.arange(1, k) / k)  # (K-1,), equal probabilities of all grades
        self.paced_gaps = nn.Parameter(cuts.diff().expm1().log() / PACE)  # (K-2,)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (B, K-1) of features (B, C), never in half precision, which would merge cut points."""
        latent = super().forward(features)  # (B, 1)
        dtype = torch.promote_types(latent.dtype, torch.float32)
        gaps = F.softplus(PACE * self.paced_gaps.to(dtype))  # (K-2,), between neighbouring cut points
        cuts = F.pad(gaps.cumsum(dim=0), (1, 0))  # (K-1,), relative to the first
        return latent.to(dtype) - (cuts - cuts.mean())

    @property
    def readout(self) -> Tensor:
        return self.linear.weight.expand(self.loss.num_grades - 1, -1)

    def log_probabilities(self, logits: Tensor) -> Tensor:
        return cumulative_log_probabilities(logits.float())
