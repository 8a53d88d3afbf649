"""From probabilities (B, K) to one grade (B,) a row, int64.

Each row must be non-negative and sum to 1; a row with NaN gets some grade, not an error. The median needs ordered
grades: those of a nominal attribute are decided by argmax.
"""

from collections.abc import Callable

from torch import Tensor

from multiskin.errors import unknown

ROUNDING = 1e-6  # what a sum of float32 probabilities may miss by


def argmax(probabilities: Tensor) -> Tensor:
    """The most probable grade (B,) of probabilities (B, K), the lowest of equals: fewest errors."""
    return probabilities.argmax(dim=1)


def median(probabilities: Tensor) -> Tensor:
    """The lowest grade (B,) whose cumulated probability reaches 1/2, of probabilities (B, K): least absolute error."""
    below = probabilities.cumsum(dim=1) < 0.5 - ROUNDING  # (B, K)
    return below.sum(dim=1)


DECISIONS: dict[str, Callable[[Tensor], Tensor]] = {"argmax": argmax, "median": median}


def decide(name: str, probabilities: Tensor) -> Tensor:
    """The grade (B,) by the named decision from probabilities (B, K).

    Raises:
        UserError: no decision has that name.
    """
    if name not in DECISIONS:
        raise unknown("decision", name, DECISIONS)
    return DECISIONS[name](probabilities)
