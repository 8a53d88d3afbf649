"""Scaling at the cuts between ordered grades, where no scaling of the grades themselves brings probabilities right."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

TINY = torch.finfo(torch.float32).tiny  # what a probability is taken for that has come to 0


def cut_logs(probabilities: Tensor) -> Tensor:
    """The logarithms of P(grade <= k) and P(grade > k) at each cut k < K-1 (B, K-1, 2), of probabilities (B, K).

    Both are summed from their own end: near certainty, the rest of 1 would be rounding alone.
    """
    below = probabilities.cumsum(dim=1)[:, :-1]
    above = probabilities.flip(1).cumsum(dim=1).flip(1)[:, 1:]
    return torch.stack([below, above], dim=-1).clamp(min=TINY).log()


@dataclass(frozen=True)
class CutScaling:
    """P(grade > k) becomes sigmoid(slope_k logit P(grade > k) + intercept_k), at each cut k < K-1.

    Where that leaves a higher cut with the higher probability, the probabilities are put in order, which brings them
    no further from the truth (Chernozhukov, Fernandez-Val and Galichon, Econometrica 78, 2010).

    Attributes:
        slope: (K-1,) of the log-odds, all above 0.
        intercept: (K-1,) what is added to them.
    """

    slope: tuple[float, ...]
    intercept: tuple[float, ...]

    def __call__(self, probabilities: Tensor) -> Tensor:
        """Calibrated probabilities (B, K), rows sum to 1, of float64 ones (B, K); a row with NaN is one of NaN."""
        slope, intercept = (probabilities.new_tensor(values) for values in (self.slope, self.intercept))
        below, above = cut_logs(probabilities).unbind(dim=-1)  # (B, K-1)
        above = torch.sigmoid(slope * (above - below) + intercept)
        above = above.sort(dim=1, descending=True).values
        return pad(above, (1, 0), value=1.0) - pad(above, (0, 1))

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for a checkpoint."""
        return {"slope": list(self.slope), "intercept": list(self.intercept)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CutScaling":
        return cls(*(tuple(map(float, content[name])) for name in ("slope", "intercept")))
