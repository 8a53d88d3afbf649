"""The decisions of multiskin.decisions in NumPy: from probabilities (B, K) to one grade per row (B,), int64.

Each row must be non-negative and sum to 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from multiskin.rules import ROUNDING, SHRINKAGE, require_decision
from multiskin.schema import Attribute


@dataclass(frozen=True)
class Rule:
    """How one head's probabilities become one grade.

    Attributes:
        decision: one of DECISIONS.
        prior: (K,) what the probabilities average to, 0 for a grade that was never trained on.
        credit: (K, K) the credit for each decision (column) given the true grade (row).
    """

    decision: str
    prior: tuple[float, ...]
    credit: tuple[tuple[float, ...], ...]

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        return DECISIONS[self.decision](probabilities, self)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], attribute: Attribute) -> "Rule":
        """Validates and reads what to_dict returns.

        Raises:
            UserError: the decision does not fit the attribute.
            ValueError: a wrong shape, or values that are not finite numbers.
        """
        k = attribute.grades
        prior, credit = (np.array(content[key], dtype=np.float64) for key in ("prior", "credit"))
        fits = prior.shape == (k,) and credit.shape == (k, k)
        if not (fits and np.isfinite(prior).all() and np.isfinite(credit).all()):
            raise ValueError(f"{attribute.name}: prior and credit do not fit {k} grades")
        require_decision(content["decision"], attribute)
        return cls(content["decision"], tuple(prior.tolist()), tuple(map(tuple, credit.tolist())))


def argmax(probabilities: np.ndarray) -> np.ndarray:
    """The most probable grade, the lowest in a tie."""
    return probabilities.argmax(axis=1)


def median(probabilities: np.ndarray) -> np.ndarray:
    """The lowest grade whose cumulative probability reaches 1/2."""
    return (probabilities.cumsum(axis=1)[:, :-1] < 0.5 - ROUNDING).sum(axis=1)


def expectation(probabilities: np.ndarray) -> np.ndarray:
    """The grade nearest to the expected one, the lower in a tie."""
    highest = probabilities.shape[1] - 1
    expected = probabilities.astype(np.float64) @ np.arange(highest + 1)  # (B,)
    return np.nan_to_num(np.ceil(expected - 0.5 - ROUNDING * highest)).astype(np.int64)


def expected_credit(probabilities: np.ndarray, rule: Rule) -> np.ndarray:
    """The grade with the highest expected credit, each true grade weighted by its probability relative to its prior."""
    prior = np.array(rule.prior, dtype=np.float32)
    seen = prior > 0
    shrunk = (1 - SHRINKAGE) * prior + SHRINKAGE * seen / max(seen.sum(), 1)
    likelihood = np.divide(probabilities, shrunk, out=np.zeros(probabilities.shape), where=seen)  # (B, K)
    return (likelihood @ np.array(rule.credit)).argmax(axis=1)


DECISIONS: dict[str, Callable[[np.ndarray, Rule], np.ndarray]] = {
    "argmax": lambda probabilities, _: argmax(probabilities),
    "median": lambda probabilities, _: median(probabilities),
    "expectation": lambda probabilities, _: expectation(probabilities),
    "credit": expected_credit,
}
