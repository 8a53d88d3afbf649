"""Cross entropy with soft targets: each true grade has a target distribution over the grades."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss


class SoftTargetCrossEntropy(Loss):
    """-sum over k of target[grade, k] * log p_k, p = softmax(logits).

    The probabilities predict the targets, not the grades, and so are as spread out even for a perfect network.

    Args:
        counts: how many training photos have each grade, length K.
        target: (K, K), true grade in rows; each row sums to 1.
    """

    soft_targets = True

    target: Tensor

    def __init__(self, counts: Sequence[int], target: Tensor) -> None:
        super().__init__(counts)
        self.register_buffer("target", target, persistent=False)

    def prior(self, drawn: Tensor) -> Tensor:
        average = (drawn[:, None] * self.target.to(drawn)).sum(dim=0)  # (K,)
        return torch.where(drawn > 0, average, 0.0)

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        return F.cross_entropy(logits, self.target[grades], reduction="none")
