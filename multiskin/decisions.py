"""From probabilities (B, K) to one grade (B,) a row, int64.

Each row must be non-negative and sum to 1; a row with NaN gets some grade, not an error. The median needs ordered
grades: those of a nominal attribute are decided by argmax.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from multiskin.errors import unknown
from multiskin.metrics.functional import credit_matrix

ROUNDING = 1e-6  # what a sum of float32 probabilities may miss by
SHRINKAGE = 0.1  # how far a prior is drawn towards a uniform one, so that a grade hardly ever seen is not overrated


def argmax(probabilities: Tensor) -> Tensor:
    """The most probable grade (B,) of probabilities (B, K), the lowest of equals: fewest errors."""
    return probabilities.argmax(dim=1)


def median(probabilities: Tensor) -> Tensor:
    """The lowest grade (B,) whose cumulated probability reaches 1/2, of probabilities (B, K): least absolute error."""
    below = probabilities.cumsum(dim=1) < 0.5 - ROUNDING  # (B, K)
    return below.sum(dim=1)


def expected_credit(probabilities: Tensor, prior: Tensor) -> Tensor:
    """The grade (B,) that adds most to P-Recall, of probabilities (B, K): argmax_j sum_k credit[j, k] p(k) / prior(k).

    P-Recall averages credit by true grade, so each grade counts by how much likelier than usual a photo makes it.

    Args:
        probabilities: (B, K).
        prior: (K,) what the probabilities average to over the data whose distribution they represent, 0 for a grade
            that was never trained on, which is left out.
    """
    seen = prior > 0
    shrunk = (1 - SHRINKAGE) * prior + SHRINKAGE * seen / seen.sum()
    likelihood = torch.where(seen, probabilities / shrunk.clamp(min=torch.finfo(prior.dtype).tiny), 0.0)  # (B, K)
    expected = likelihood.double() @ credit_matrix(len(prior), prior.device)  # (B, K), the matrix is symmetric
    return expected.argmax(dim=1)


DECISIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "argmax": lambda probabilities, _: argmax(probabilities),
    "median": lambda probabilities, _: median(probabilities),
    "credit": expected_credit,
}


def decide(name: str, probabilities: Tensor, prior: Tensor) -> Tensor:
    """The grade (B,) by the named decision from probabilities (B, K) and what they average to, the prior (K,).

    Raises:
        UserError: no decision has that name.
    """
    if name not in DECISIONS:
        raise unknown("decision", name, DECISIONS)
    return DECISIONS[name](probabilities, prior)
