"""Decisions: from probabilities (B, K) to one grade per row (B,), int64, or from (B, G, K) of G heads to (B, G).

Rows must be non-negative and sum to 1; a row with NaN gets an arbitrary grade instead of an error. All decisions except
argmax need ordered grades; nominal attributes are always decided by argmax.
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
    """The most probable grade (B,) under probabilities (B, K), the lowest in a tie: minimizes the error rate."""
    return probabilities.argmax(dim=-1)


def median(probabilities: Tensor) -> Tensor:
    """The median (B,) of probabilities (B, K), the lowest k with P(grade <= k) >= 1/2: minimizes absolute error."""
    below = probabilities.cumsum(dim=-1) < 0.5 - ROUNDING  # (B, K)
    return below[..., :-1].sum(dim=-1)


def expectation(probabilities: Tensor) -> Tensor:
    """The grade (B,) nearest to the mean under probabilities (B, K), the lower in a tie: minimizes squared error."""
    highest = probabilities.shape[-1] - 1
    grades = torch.arange(highest + 1, device=probabilities.device)  # (K,)
    expected = (probabilities.double() * grades).sum(dim=-1)  # (B,)
    return (expected - 0.5 - ROUNDING * highest).ceil().nan_to_num().long()


def expected_credit(probabilities: Tensor, prior: Tensor, credit: Tensor) -> Tensor:
    """The grade (B,) with the highest expected credit: argmax_j sum_k credit[k, j] p(k) / prior(k).

    Credit is averaged by true grade, as in P-Recall, so that a grade is weighted by how much more likely it is for this
    photo than on average. The prior is first shrunk slightly towards a uniform one, so that very rare grades are not
    overrated.

    Args:
        probabilities: (B, K).
        prior: (K,) the mean of the probabilities over the data whose distribution they refer to, 0 for a grade that
            never occurred in training. Such a grade is never assumed to be the true one, but it may be chosen if its
            neighbours' credit makes it the best decision. Or (G, K), for G heads.
        credit: (K, K) the credit of each decision, true grade in rows; or (G, K, K).
    """
    seen = prior > 0
    shrunk = (1 - SHRINKAGE) * prior + SHRINKAGE * seen / seen.sum(dim=-1, keepdim=True)
    likelihood = torch.where(seen, probabilities / shrunk.clamp(min=torch.finfo(prior.dtype).tiny), 0.0)  # (B, K)
    expected = likelihood.double().unsqueeze(-2) @ credit.double()  # (B, 1, K)
    return expected.squeeze(-2).argmax(dim=-1)


DECISIONS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "argmax": lambda probabilities, *_: argmax(probabilities),
    "median": lambda probabilities, *_: median(probabilities),
    "expectation": lambda probabilities, *_: expectation(probabilities),
    "credit": expected_credit,
}


def decide(name: str, probabilities: Tensor, prior: Tensor, credit: Tensor | None = None) -> Tensor:
    """Decides on a grade (B,) for each row of probabilities (B, K).

    Args:
        name: one of DECISIONS.
        probabilities: (B, K), or (B, G, K).
        prior: (K,), or (G, K), as for expected_credit.
        credit: (K, K), or (G, K, K), the credit of each decision, true grade in rows; default: that of P-Recall.

    Raises:
        UserError: an unknown name.
    """
    if name not in DECISIONS:
        raise unknown("decision", name, DECISIONS)
    if credit is None:
        credit = credit_matrix(prior.shape[-1], prior.device)
    return DECISIONS[name](probabilities, prior, credit)


class Rule(NamedTuple):
    """The decision of one head and its parameters.

    Attributes:
        decision: one of DECISIONS.
        prior: (K,) as for expected_credit.
        credit: (K, K) the credit of each decision, true grade in rows.
    """

    decision: str
    prior: Tensor
    credit: Tensor


def decide_heads(probabilities: Tensor, rules: Sequence[Rule]) -> Tensor:
    """One grade per head (B, H) from probabilities (B, H, Kmax), each by the head's own rule.

    Heads with the same decision and as many grades are decided together: for a single photo, each further operation
    takes longer than its arithmetic.
    """
    alike: dict[tuple[str, int], list[int]] = {}
    for h, rule in enumerate(rules):
        alike.setdefault((rule.decision, len(rule.prior)), []).append(h)
    grades = torch.empty(probabilities.shape[:2], dtype=torch.int64, device=probabilities.device)
    for (decision, k), heads in alike.items():
        prior, credit = (torch.stack([getattr(rules[h], name) for h in heads]) for name in ("prior", "credit"))
        grades[:, heads] = decide(decision, probabilities[:, heads, :k], prior, credit)
    return grades


def credit_of(attribute: Attribute, custom: Sequence[Sequence[float]] | None) -> Tensor:
    """The credit matrix (K, K) of an attribute, true grade in rows: `custom` if given, else that of P-Recall.

    For a nominal attribute, which is always decided by argmax, `custom` is ignored.

    Raises:
        UserError: not K x K numbers of at most rules.MOST in absolute value.
    """
    if custom is None or not attribute.ordinal:
        return credit_matrix(attribute.grades)
    return torch.tensor(checked_credit(custom, attribute, f"heads.{attribute.name}.credit"), dtype=torch.float64)
