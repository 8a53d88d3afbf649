"""Logit adjustment: a handicap by each grade's frequency is added to the logits, so that they learn free of it."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss, in_range


class LogitAdjustment(Loss):
    """Cross entropy of softmax(logits + tau log share), where share is each grade's share of the training photos.

    Menon et al., Long-tail Learning via Logit Adjustment, ICLR 2021, equation 10. A grade without photos counts as one
    with one photo, so that the logarithm is finite.

    The probabilities are softmax(logits), without the handicap: at tau = 1 and with grades drawn as they come they are
    those for a photo among equally many of each grade, and their argmax makes the least balanced error. They are not
    those of the drawn grades, which softmax(logits + tau log share) gives: that is cross entropy with an extra bias.
    `prior` says what they stand for under any sampler; a sampler that evens out the grades does the same again.

    Args:
        counts: how many training photos have each grade, length K.
        tau: how far to adjust; 0 gives cross entropy.

    Raises:
        UserError: tau is out of range.
    """

    adjustment: Tensor

    def __init__(self, counts: Sequence[int], tau: float = 1.0) -> None:
        super().__init__(counts)
        tau = in_range("tau", tau, 0, math.inf)
        photos = torch.tensor(counts, dtype=torch.float64).clamp(min=1)
        self.register_buffer("adjustment", tau * (photos / photos.sum()).log().float(), persistent=False)  # (K,)

    def prior(self, drawn: Tensor) -> Tensor:
        return (drawn.log() - self.adjustment.to(drawn)).softmax(dim=0)

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        return F.cross_entropy(logits + self.adjustment, grades, reduction="none")
