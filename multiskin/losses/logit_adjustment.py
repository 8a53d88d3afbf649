"""Logit adjustment: the log frequencies of the grades are added to the logits, which then do not have to learn them."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss, in_range


class LogitAdjustment(Loss):
    """Cross entropy of softmax(logits + tau log share), where share is each grade's share of the training photos.

    Menon et al., Long-tail Learning via Logit Adjustment, ICLR 2021, equation 10. A grade without photos is treated as
    if it had one, so that the logarithm is finite.

    The probabilities are softmax(logits), without the adjustment: with tau = 1 and without resampling, they refer to
    equally frequent grades, and their argmax minimizes the balanced error. The probabilities for the drawn grades would
    be softmax(logits + tau log share), those of plain cross entropy. `prior` is the distribution that the probabilities
    refer to under any sampler; a sampler that balances the grades corrects for their frequencies a second time.

    Args:
        counts: how many training photos have each grade, length K.
        tau: strength of the adjustment; 0 gives cross entropy.

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
