"""Expected credit: what P-Recall takes off for a grade drawn from the probabilities, with rare grades weighed up."""

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from multiskin.losses.base import Loss, in_range
from multiskin.losses.class_balanced import ClassBalanced
from multiskin.metrics.functional import credit_matrix


class CreditLoss(Loss):
    """Sum over k of p_k (1 - credit[grade, k]), p = softmax(logits), plus a share of cross entropy.

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
        lost = (logits.softmax(dim=1) * (1 - self.credit[grades])).sum(dim=1)  # (B,), exact where hardly any is
        return lost + self.cross_entropy * F.cross_entropy(logits, grades, reduction="none")


class ExpectedCredit(ClassBalanced):
    """The credit expected to be lost, class-balanced, plus a share of cross entropy.

    Credit is that of `multiskin.metrics.functional.credit_matrix`. The expected credit alone is highest for certainty
    about one grade, and has hardly any gradient where the network is sure and wrong; cross entropy adds a gradient and
    keeps the probabilities from collapsing. They are still sharper than the truth: calibrate them before trusting more
    than their order.

    Args:
        counts: how many training photos have each grade, length K.
        cross_entropy: weight of the cross entropy; 0 for none.
        beta: how rare grades are weighed, as in `ClassBalanced`: by default no grade counts as more than 1000 photos.
            Towards 1 the balance becomes that of P-Recall.

    Raises:
        UserError: an option is out of range.
    """

    needs_order = True

    def __init__(self, counts: Sequence[int], cross_entropy: float = 0.5, beta: float = 0.999) -> None:
        super().__init__(CreditLoss(counts, cross_entropy), counts, beta)
