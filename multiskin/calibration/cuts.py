"""Scaling of cumulative probabilities at the cuts between ordered grades, where softmax scaling is not enough."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

TINY = torch.finfo(torch.float32).tiny  # probabilities are clamped to it before taking logarithms


def cut_logs(probabilities: Tensor) -> Tensor:
    """The logarithms (*, K-1, 2) of P(grade <= k) and P(grade > k) at each cut k < K-1, from probabilities (*, K).

    Each is summed from its own end, since 1 minus the other would be mere rounding error near certainty.
    """
    below = probabilities.cumsum(dim=-1)[..., :-1]
    above = probabilities.flip(-1).cumsum(dim=-1).flip(-1)[..., 1:]
    return torch.stack([below, above], dim=-1).clamp(min=TINY).log()


@dataclass(frozen=True)
class CutScaling:
    """Replaces P(grade > k) by sigmoid(slope_k logit P(grade > k) + intercept_k) at each cut k < K-1.

    If a higher cut then has a higher probability than a lower one, the probabilities are sorted, which never takes them
    further from the true ones (Chernozhukov, Fernandez-Val and Galichon, Econometrica 78, 2010).

    Attributes:
        slope: (K-1,) multiplies the log-odds, all above 0.
        intercept: (K-1,) added to the scaled log-odds.
    """

    slope: tuple[float, ...]
    intercept: tuple[float, ...]

    def __call__(self, probabilities: Tensor) -> Tensor:
        """Calibrated probabilities (B, K) from float64 ones (B, K); rows sum to 1, and a row with NaN is all NaN."""
        return scale_cuts(probabilities, [self])

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for a checkpoint."""
        return {"slope": list(self.slope), "intercept": list(self.intercept)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CutScaling":
        return cls(*(tuple(map(float, content[name])) for name in ("slope", "intercept")))


def scale_cuts(probabilities: Tensor, scalings: Sequence[CutScaling]) -> Tensor:
    """Calibrated probabilities (B, G, K) of G heads, or (B, K) of one head, from float64 ones."""
    slope, intercept = (
        probabilities.new_tensor([getattr(scaling, name) for scaling in scalings])  # (G, K-1)
        for name in ("slope", "intercept")
    )
    below, above = cut_logs(probabilities).unbind(dim=-1)  # (B, G, K-1)
    above = torch.sigmoid(slope * (above - below) + intercept)
    above = above.sort(dim=-1, descending=True).values
    return pad(above, (1, 0), value=1.0) - pad(above, (0, 1))
