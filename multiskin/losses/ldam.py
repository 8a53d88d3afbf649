"""LDAM: the true grade's logit has to win by a margin, which is larger for rarer grades."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss, in_range


class LDAM(Loss):
    """Cross entropy after subtracting margin_grade from the true grade's logit, margin_k proportional to n_k^(-1/4).

    Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019. There, features
    and weights are normalized and logits multiplied by 30; here, the linear layer learns the scale of the logits, in
    which the margin is given.

    The probabilities are softmax(logits), without margins. They are biased towards rare grades by an amount without a
    closed form: calibrate them before relying on more than their order.

    Args:
        counts: how many training photos have each grade, length K.
        max_margin: the margin of the rarest grade with photos.

    Raises:
        UserError: max_margin is out of range.
    """

    margin: Tensor

    def __init__(self, counts: Sequence[int], max_margin: float = 0.5) -> None:
        super().__init__(counts)
        max_margin = in_range("max_margin", max_margin, 0, math.inf)
        self.proper = not max_margin
        rarest = min((n for n in counts if n), default=1)
        margin = [max_margin * (rarest / max(n, rarest)) ** 0.25 for n in counts]
        self.register_buffer("margin", torch.tensor(margin).diag(), persistent=False)  # (K, K), by true grade

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        return F.cross_entropy(logits - self.margin[grades], grades, reduction="none")
