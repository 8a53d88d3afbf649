"""Cross entropy: the negative log-likelihood of the true grade."""

import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss


class CrossEntropy(Loss):
    """-log p of the true grade, p = softmax(logits)."""

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        return F.cross_entropy(logits, grades, reduction="none")
