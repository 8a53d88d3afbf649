"""Class-distance-weighted cross entropy: probability on wrong grades is penalized, more so with distance."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from multiskin.errors import UserError
from multiskin.losses.base import Loss, in_range
from multiskin.metrics.functional import distance_matrix

MAX_WEIGHT = 2.0**14  # of a wrong grade; float16 ends at four times that, and a margin can double the gradient


class CDWCE(Loss):
    """-sum over k of |k - grade|^alpha log(1 - p_k - margin), p = softmax(logits).

    Polat et al., Class Distance Weighted Cross-Entropy Loss for Ulcerative Colitis Severity Estimation, MIUA 2022; the
    margin is from Polat, Çağlar and Temizel, 2024, https://arxiv.org/abs/2412.01246. Here it is at most half of
    1 - p_k, so that the loss and its gradient stay finite.

    Except for K = 2 without a margin, the loss is not proper: grades far from most others get probabilities near 0.
    Calibrate the probabilities by bias_corrected or cumulative before relying on more than their order; a single
    temperature cannot undo the loss's different weights for different grades. With K = 5 and the default alpha it is
    about three times as large as cross entropy, and larger for a larger alpha, for which `loss_weight` can compensate.

    Args:
        counts: how many training photos have each grade, length K.
        alpha: exponent of the distance; 5 to 7 were best in the sources, with K = 4. The maximum is 7 for K = 5 and 4.4
            for K = 10, beyond which the gradient could overflow in half precision.
        margin: added to the probability of each wrong grade, to push it further down.

    Raises:
        UserError: an option is out of range.
    """

    needs_order = True

    weight: Tensor
    diagonal: Tensor

    def __init__(self, counts: Sequence[int], alpha: float = 2.0, margin: float = 0.0) -> None:
        super().__init__(counts)
        alpha = in_range("alpha", alpha, 0, 10)
        _require_bounded(alpha, len(counts))
        margin = in_range("margin", margin, 0, 0.5)
        self.proper = len(counts) == 2 and not margin
        self.log_margin = math.log(margin) if margin else -math.inf
        distance = distance_matrix(len(counts))  # (K, K)
        weight = torch.where(distance > 0, distance**alpha, 0.0)  # 0 ** 0 is 1
        self.register_buffer("weight", weight.float(), persistent=False)
        self.register_buffer("diagonal", distance == 0, persistent=False)

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        log_p = logits.log_softmax(dim=1)  # (B, K)
        others = log_p[:, None, :].masked_fill(self.diagonal, -torch.inf)  # (B, K, K), all grades but k in row k
        log_complement = others.logsumexp(dim=2)  # (B, K), log(1 - p) without cancellation
        margin_share = (self.log_margin - log_complement).clamp(max=-math.log(2)).exp()  # margin / (1 - p)
        return -(self.weight[grades] * (log_complement + torch.log1p(-margin_share))).sum(dim=1)


def _require_bounded(alpha: float, num_grades: int) -> None:
    """Makes sure that the gradient does not overflow in half precision.

    Raises:
        UserError: alpha is too large for this number of grades.
    """
    furthest = num_grades - 1
    if furthest**alpha > MAX_WEIGHT:
        limit = math.floor(100 * math.log(MAX_WEIGHT, furthest)) / 100
        raise UserError(
            f"alpha is {alpha:g}; with {num_grades} grades give at most {limit:g}, since gradients as large as "
            f"{furthest}**alpha overflow in half precision"
        )
