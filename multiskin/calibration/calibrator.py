"""A calibration that is done, of one head."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

TINY = torch.finfo(torch.float32).tiny  # what a probability is taken for that has come to 0


@dataclass(frozen=True)
class Calibrator:
    """softmax(weight * log p + bias), which every method comes to, whatever the grades drawn.

    Attributes:
        method: how it was fitted.
        weight: (K,) of the log-probabilities; 1 / T for each but under vector scaling.
        bias: (K,) what is added to them.
        prior: (K,) what the calibrated probabilities average to on the photos that it was fitted on; 0 for a grade
            that was never trained on.
        rows: how many photos these are.
    """

    method: str
    weight: tuple[float, ...]
    bias: tuple[float, ...]
    prior: tuple[float, ...]
    rows: int

    def __call__(self, probabilities: Tensor) -> Tensor:
        """Calibrated probabilities (B, K), rows sum to 1, of the head's own (B, K); a row with NaN is one of NaN."""
        logs = probabilities.double().clamp(min=TINY).log()
        weight, bias = (logs.new_tensor(values) for values in (self.weight, self.bias))
        return torch.softmax(weight * logs + bias, dim=1).to(probabilities.dtype)

    @property
    def temperature(self) -> float | None:
        """T, which divides all log-probabilities, above 1 where the network was too sure; None if there are several."""
        return 1 / self.weight[0] if len(set(self.weight)) == 1 else None

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for a checkpoint."""
        lists = {name: list(getattr(self, name)) for name in ("weight", "bias", "prior")}
        return asdict(self) | lists

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Calibrator":
        tuples = {name: tuple(content[name]) for name in ("weight", "bias", "prior")}
        return cls(**{**content, **tuples})
