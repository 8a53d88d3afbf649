"""Expected credit: a differentiable P-Recall, where grades are drawn from the predicted probabilities."""

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss, in_range
from multiskin.losses.class_balanced import ClassBalanced
from multiskin.metrics.functional import credit_matrix


class CreditLoss(Loss):
    """Sum over k of p_k (1 - credit[grade, k]), p = softmax(logits), plus weighted cross entropy.

    Args:
        counts: how many training photos have each grade, length K.
        cross_entropy: weight of the cross entropy; 0 for none.

    Raises:
        UserError: cross_entropy is out of range.
    """

    proper = False

    credit: Tensor

    def __init__(self, counts: Sequence[int], cross_entropy: float) -> None:
        super().__init__(counts)
        self.cross_entropy = in_range("cross_entropy", cross_entropy, 0, math.inf)
        self.register_buffer("credit", credit_matrix(len(counts)).float(), persistent=False)  # (K, K)

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        lost = (logits.softmax(dim=1) * (1 - self.credit[grades])).sum(dim=1)  # (B,), accurate even near 0
        return lost + self.cross_entropy * F.cross_entropy(logits, grades, reduction="none")


class ExpectedCredit(ClassBalanced):
    """The expected loss of credit plus weighted cross entropy, class-balanced.

    The credit is that of `multiskin.metrics.functional.credit_matrix`. The expected credit alone is linear in the
    probabilities, so that its optimum puts all probability on one grade, and its gradient vanishes where the network is
    confidently wrong. Cross entropy mitigates both, but the probabilities are still overconfident: calibrate them
    before relying on more than their order.

    Args:
        counts: how many training photos have each grade, length K.
        cross_entropy: weight of the cross entropy; 0 for none.
        beta: how rare grades are weighted, as in `ClassBalanced`; as it approaches 1, all grades count equally, as in
            P-Recall.

    Raises:
        UserError: an option is out of range.
    """

    needs_order = True

    def __init__(self, counts: Sequence[int], cross_entropy: float = 0.5, beta: float = 0.999) -> None:
        super().__init__(CreditLoss(counts, cross_entropy), counts, beta)
