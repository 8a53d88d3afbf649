"""The fitted calibration of one head."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from multiskin.calibration.cuts import TINY, CutScaling


@dataclass(frozen=True)
class Calibrator:
    """Calibrates probabilities as softmax(weight * log p + bias), optionally followed by scaling at the cuts.

    Attributes:
        method: how it was fitted.
        weight: (K,) multiplies the log-probabilities; 1 / T for every grade except under vector scaling.
        bias: (K,) added to the scaled log-probabilities.
        prior: (K,) mean calibrated probability over the photos it was fitted on and K pseudo-photos with the natural
            shares; 0 for a grade that was never trained on.
        rows: how many photos it was fitted on.
        cuts: the scaling at the cuts between ordered grades that follows, if any.
    """

    method: str
    weight: tuple[float, ...]
    bias: tuple[float, ...]
    prior: tuple[float, ...]
    rows: int
    cuts: CutScaling | None = None

    def __call__(self, probabilities: Tensor) -> Tensor:
        """Calibrated probabilities (B, K) from the head's own (B, K); rows sum to 1, and a row with NaN is all NaN."""
        logs = probabilities.double().clamp(min=TINY).log()
        weight, bias = (logs.new_tensor(values) for values in (self.weight, self.bias))
        scaled = torch.softmax(weight * logs + bias, dim=1)
        return (self.cuts(scaled) if self.cuts else scaled).to(probabilities.dtype)

    @property
    def temperature(self) -> float | None:
        """The temperature T, above 1 if the network was overconfident; None if there is no single one."""
        return 1 / self.weight[0] if len(set(self.weight)) == 1 and not self.cuts else None

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for a checkpoint."""
        lists = {name: list(getattr(self, name)) for name in ("weight", "bias", "prior")}
        cuts = {"cuts": self.cuts.to_dict()} if self.cuts else {}
        return {"method": self.method, **lists, "rows": self.rows, **cuts}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Calibrator":
        """The inverse of to_dict.

        Raises:
            LookupError, TypeError, ValueError: a missing or unexpected entry, or a wrong number of cuts.
        """
        tuples = {name: tuple(content[name]) for name in ("weight", "bias", "prior")}
        cuts = CutScaling.from_dict(content["cuts"]) if "cuts" in content else None
        if cuts and not len(cuts.slope) == len(cuts.intercept) == len(tuples["weight"]) - 1:
            raise ValueError("the number of cuts does not fit the grades")
        return cls(**{**content, **tuples, "cuts": cuts})
