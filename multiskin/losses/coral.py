"""CORAL: one binary question for each cut of the scale, all along one direction of the features."""

import torch
import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss


class Coral(Loss):
    """-sum over k < K - 1 of the log-likelihood of whether the grade is higher than k.

    Cao, Mirjalili and Raschka, Rank Consistent Ordinal Regression for Neural Networks with Application to Age
    Estimation, Pattern Recognition Letters 140, 2020, with all cuts equally important. By its Theorem 1 the cut points
    are in order where the loss is lowest; the head used with it has them in order at every step.
    """

    needs_order = True
    logit_kind = "cumulative"

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        cut = torch.arange(self.num_grades - 1, device=grades.device)  # (K-1,)
        higher = (grades[:, None] > cut).to(logits.dtype)  # (B, K-1)
        return F.binary_cross_entropy_with_logits(logits, higher, reduction="none").sum(dim=1)
