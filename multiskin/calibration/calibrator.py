"""A calibration that is done, of one head."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from multiskin.calibration.cuts import TINY, CutScaling


@dataclass(frozen=True)
class Calibrator:
    """softmax(weight * log p + bias), whatever the grades drawn; of ordered grades maybe scaled at the cuts, too.

    Attributes:
        method: how it was fitted.
        weight: (K,) of the log-probabilities; 1 / T for each but under vector scaling.
        bias: (K,) what is added to them.
        prior: (K,) what the calibrated probabilities average to on the photos that it was fitted on and K more of the
            natural shares; 0 for a grade that was never trained on.
        rows: how many photos these are.
        cuts: what is done at the cuts between grades after that, if anything.
    """

    method: str
    weight: tuple[float, ...]
    bias: tuple[float, ...]
    prior: tuple[float, ...]
    rows: int
    cuts: CutScaling | None = None

    def __call__(self, probabilities: Tensor) -> Tensor:
        """Calibrated probabilities (B, K), rows sum to 1, of the head's own (B, K); a row with NaN is one of NaN."""
        logs = probabilities.double().clamp(min=TINY).log()
        weight, bias = (logs.new_tensor(values) for values in (self.weight, self.bias))
        scaled = torch.softmax(weight * logs + bias, dim=1)
        return (self.cuts(scaled) if self.cuts else scaled).to(probabilities.dtype)

    @property
    def temperature(self) -> float | None:
        """T, which divides all log-probabilities, above 1 where the network was too sure; None if there are several."""
        return 1 / self.weight[0] if len(set(self.weight)) == 1 and not self.cuts else None

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for a checkpoint."""
        lists = {name: list(getattr(self, name)) for name in ("weight", "bias", "prior")}
        cuts = {"cuts": self.cuts.to_dict()} if self.cuts else {}
        return {"method": self.method, **lists, "rows": self.rows, **cuts}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Calibrator":
        """What to_dict has made of it.

        Raises:
            LookupError, TypeError, ValueError: something is missing, too much, or of other grades.
        """
        tuples = {name: tuple(content[name]) for name in ("weight", "bias", "prior")}
        cuts = CutScaling.from_dict(content["cuts"]) if "cuts" in content else None
        if cuts and not len(cuts.slope) == len(cuts.intercept) == len(tuples["weight"]) - 1:
            raise ValueError("cuts of other grades")
        return cls(**{**content, **tuples, "cuts": cuts})
