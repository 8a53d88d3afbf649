"""From probabilities (B, K) to one grade per row (B,), int64.

Each row must be non-negative and sum to 1; a row with NaN gets some grade, not an error. All but argmax need ordered
grades; a nominal attribute is always decided by argmax.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from multiskin.errors import unknown
from multiskin.metrics.functional import credit_matrix
from multiskin.rules import ROUNDING, SHRINKAGE, checked_credit
from multiskin.schema import Attribute


def argmax(probabilities: Tensor) -> Tensor:
    """The most probable grade (B,) of probabilities (B, K), the lowest in a tie: fewest errors."""
    return probabilities.argmax(dim=1)


def median(probabilities: Tensor) -> Tensor:
    """The lowest grade (B,) at which probabilities (B, K) add up to 1/2: least absolute error."""
    below = probabilities.cumsum(dim=1) < 0.5 - ROUNDING  # (B, K)
    return below[:, :-1].sum(dim=1)


def expectation(probabilities: Tensor) -> Tensor:
    """The grade (B,) nearest to the expected one of probabilities (B, K), the lower in a tie: least squared error."""
    highest = probabilities.shape[1] - 1
    grades = torch.arange(highest + 1, device=probabilities.device)  # (K,)
    expected = (probabilities.double() * grades).sum(dim=1)  # (B,)
    return (expected - 0.5 - ROUNDING * highest).ceil().nan_to_num().long()


def expected_credit(probabilities: Tensor, prior: Tensor, credit: Tensor) -> Tensor:
    """The grade (B,) that earns most credit under probabilities (B, K): argmax_j sum_k credit[k, j] p(k) / prior(k).

    Credit is averaged by true grade, as in P-Recall, so each grade counts by how much likelier than usual it is on this
    photo.

    Args:
        probabilities: (B, K).
        prior: (K,) what the probabilities average to over the data whose distribution they represent, 0 for a grade
            that was never trained on. Such a grade is never counted as the true one; lying between its neighbours, it
            may still earn most.
        credit: (K, K) what each decision earns, true grade in rows.
    """
    seen = prior > 0
    shrunk = (1 - SHRINKAGE) * prior + SHRINKAGE * seen / seen.sum()
    likelihood = torch.where(seen, probabilities / shrunk.clamp(min=torch.finfo(prior.dtype).tiny), 0.0)  # (B, K)
    return (likelihood.double() @ credit.double()).argmax(dim=1)


DECISIONS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "argmax": lambda probabilities, *_: argmax(probabilities),
    "median": lambda probabilities, *_: median(probabilities),
    "expectation": lambda probabilities, *_: expectation(probabilities),
    "credit": expected_credit,
}


def decide(name: str, probabilities: Tensor, prior: Tensor, credit: Tensor | None = None) -> Tensor:
    """The grade (B,) that the named decision makes of probabilities (B, K).

    Args:
        name: one of DECISIONS.
        probabilities: (B, K).
        prior: (K,) what they average to.
        credit: (K, K) what each decision earns, true grade in rows; default: P-Recall's.

    Raises:
        UserError: no decision has that name.
    """
    if name not in DECISIONS:
        raise unknown("decision", name, DECISIONS)
    return DECISIONS[name](probabilities, prior, credit_matrix(len(prior), prior.device) if credit is None else credit)


class Rule(NamedTuple):
    """How one head's probabilities become one grade.

    Attributes:
        decision: its name.
        prior: (K,) what the probabilities average to.
        credit: (K, K) what each decision earns, true grade in rows.
    """

    decision: str
    prior: Tensor
    credit: Tensor


def decide_heads(probabilities: Tensor, rules: Sequence[Rule]) -> Tensor:
    """One grade per head (B, H) from probabilities (B, H, Kmax), each by its own rule."""
    columns = [
        decide(rule.decision, probabilities[:, h, : len(rule.prior)], rule.prior, rule.credit)
        for h, rule in enumerate(rules)
    ]
    return torch.stack(columns, dim=1)


def credit_of(attribute: Attribute, asked: Sequence[Sequence[float]] | None) -> Tensor:
    """What each decision on an attribute earns (K, K), true grade in rows: as asked for, or P-Recall's credit.

    Raises:
        UserError: not a number of at most rules.MOST for each true grade and decision. For a nominal attribute, which
            is decided by argmax, `asked` is ignored.
    """
    if asked is None or not attribute.ordinal:
        return credit_matrix(attribute.grades)
    return torch.tensor(checked_credit(asked, attribute, f"heads.{attribute.name}.credit"), dtype=torch.float64)
