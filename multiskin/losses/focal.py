"""Focal loss: cross entropy with less weight on rows that are already well classified."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss, in_range


class Focal(Loss):
    """-(1 - p)^gamma log p of the true grade, p = softmax(logits).

    Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, equation 4, with softmax instead of sigmoid. For
    gamma > 0, the probabilities are typically underconfident (Charoenphakdee et al., On Focal Loss for Class-Posterior
    Probability Estimation, CVPR 2021).

    Args:
        counts: how many training photos have each grade, length K.
        gamma: how fast a row's weight decreases as p grows; 0 gives cross entropy.

    Raises:
        UserError: gamma is out of range.
    """

    def __init__(self, counts: Sequence[int], gamma: float = 2.0) -> None:
        super().__init__(counts)
        self.gamma = in_range("gamma", gamma, 0, math.inf)
        self.proper = not self.gamma

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        cross_entropy = F.cross_entropy(logits, grades, reduction="none")  # -log p, (B,)
        miss = -torch.expm1(-cross_entropy)  # 1 - p without cancellation
        # For gamma < 1 the slope of miss^gamma is infinite at p = 1; that of the clamp is 0.
        return miss.clamp(min=torch.finfo(miss.dtype).tiny) ** self.gamma * cross_entropy
