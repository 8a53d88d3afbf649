"""CORAL: one binary classifier per cut between grades, all with the same weights."""

import torch
import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss


class Coral(Loss):
    """Sum over k < K-1 of the binary cross entropy of P(grade > k) = sigmoid(logit_k).

    Cao, Mirjalili and Raschka, Rank Consistent Ordinal Regression for Neural Networks with Application to Age
    Estimation, Pattern Recognition Letters 140, 2020, with equal weights for all cuts. By its Theorem 1, the cut points
    are in order where the loss is minimal; those of `CumulativeHead` always are.
    """

    needs_order = True
    logit_kind = "cumulative"

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        cut = torch.arange(self.num_grades - 1, device=grades.device)  # (K-1,)
        higher = (grades[:, None] > cut).to(logits.dtype)  # (B, K-1)
        return F.binary_cross_entropy_with_logits(logits, higher, reduction="none").sum(dim=1)
