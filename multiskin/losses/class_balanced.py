"""Class-balanced losses: grades are weighted inversely to the effective number of their photos."""

from collections.abc import Sequence

import torch
from torch import Tensor

from multiskin.losses.base import Loss, in_range
from multiskin.losses.cross_entropy import CrossEntropy
from multiskin.losses.focal import Focal


def effective_number_weights(counts: Sequence[int], beta: float) -> list[float]:
    """Each grade's weight, inversely proportional to the effective number of its photos, (1 - beta^n) / (1 - beta).

    Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, equation 2 and section 4.1. As
    there, the weights sum to the number of grades, but only those with photos count; the others have weight 0.
    """
    effective = [(1 - beta**n) / (1 - beta) for n in counts]
    inverse = [1 / number if number else 0.0 for number in effective]
    present = sum(n > 0 for n in counts)
    return [weight * present / sum(inverse) if weight else 0.0 for weight in inverse]


class ClassBalanced(Loss):
    """Another loss times the weight of the true grade.

    The weights average 1 over the grades, not over the photos: with imbalanced grades and no resampling, the loss is
    smaller than the one it wraps, and so is the head's share of the sum over heads.

    Args:
        loss: the loss to weight.
        counts: how many training photos have each grade, length K.
        beta: 0 weights all grades equally; as it approaches 1, the weights become inversely proportional to the counts.
            The effective number is at most 1 / (1 - beta), by default 1000, so that grades with several thousand photos
            have nearly equal weights.

    Raises:
        UserError: beta is out of range.
    """

    grade_weight: Tensor

    def __init__(self, loss: Loss, counts: Sequence[int], beta: float) -> None:
        super().__init__(counts)
        self.loss = loss
        self.proper = loss.proper
        weights = effective_number_weights(counts, in_range("beta", beta, 0, 1))
        self.register_buffer("grade_weight", torch.tensor(weights), persistent=False)  # (K,)

    def prior(self, drawn: Tensor) -> Tensor:
        weighted = drawn * self.grade_weight.to(drawn)
        return weighted / weighted.sum()

    def per_row(self, logits: Tensor, grades: Tensor) -> Tensor:
        return self.grade_weight[grades] * self.loss.per_row(logits, grades)


class ClassBalancedCrossEntropy(ClassBalanced):
    """Cross entropy, class-balanced."""

    def __init__(self, counts: Sequence[int], beta: float = 0.999) -> None:
        super().__init__(CrossEntropy(counts), counts, beta)


class ClassBalancedFocal(ClassBalanced):
    """Focal loss, class-balanced."""

    def __init__(self, counts: Sequence[int], beta: float = 0.999, gamma: float = 2.0) -> None:
        super().__init__(Focal(counts, gamma), counts, beta)
