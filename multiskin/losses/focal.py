"""Focal loss: cross entropy with less weight on rows that the network already gets right."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss, in_range


class Focal(Loss):
    """-(1 - p)^gamma log p of the true grade, p = softmax(logits).

    Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, equation 4, with softmax in place of their sigmoid.
    The probabilities are less sure than the true ones, except for gamma = 0.

    Args:
        counts: how many training photos have each grade, length K.
        gamma: how fast a row's weight fades as p grows; 0 gives cross entropy.

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
        # At p = 1 the slope of miss^gamma is infinite for gamma < 1; a clamp has none.
        return miss.clamp(min=torch.finfo(miss.dtype).tiny) ** self.gamma * cross_entropy
