"""The fitted calibration of a head, and its application to the probabilities of one head or several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from multiskin.calibration.cuts import TINY, CutScaling, scale_cuts


@dataclass(frozen=True)
class Calibrator:
    """Calibrates probabilities as softmax(weight * log p + bias), optionally followed by scaling at the cuts.

    Attributes:
        method: how it was fitted.
        weight: (K,) multiplies the log-probabilities; 1 / T for every grade except under vector scaling.
        bias: (K,) added to the scaled log-probabilities.
        prior: (K,) mean calibrated probability over the photos it was fitted on, weighted to the natural shares, and K
            pseudo-photos with these; 0 for a grade that was never trained on.
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
        return _calibrate_alike(probabilities, [self])

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


def calibrate_heads(probabilities: Tensor, calibrators: Sequence[Calibrator | None]) -> Tensor:
    """Calibrated probabilities (B, H, Kmax) of H heads from their own; those of a head without a calibrator stay.

    Heads with as many grades are calibrated together: for a single photo, each further operation takes longer than its
    arithmetic.
    """
    calibrated = probabilities.clone()
    alike: dict[tuple[int, bool], dict[int, Calibrator]] = {}
    for h, calibrator in enumerate(calibrators):
        if calibrator:
            alike.setdefault((len(calibrator.weight), calibrator.cuts is not None), {})[h] = calibrator
    for (k, _), of_heads in alike.items():
        heads = list(of_heads)
        calibrated[:, heads, :k] = _calibrate_alike(probabilities[:, heads, :k], list(of_heads.values()))
    return calibrated


def _calibrate_alike(probabilities: Tensor, calibrators: Sequence[Calibrator]) -> Tensor:
    """Calibrated probabilities (B, G, K) of G heads, or (B, K) of one; all of them have cuts, or none has."""
    logs = probabilities.double().clamp(min=TINY).log()
    weight, bias = (  # (G, K)
        logs.new_tensor([getattr(each, name) for each in calibrators]) for name in ("weight", "bias")
    )
    scaled = torch.softmax(weight * logs + bias, dim=-1)
    cuts = [each.cuts for each in calibrators if each.cuts]
    return (scale_cuts(scaled, cuts) if cuts else scaled).to(probabilities.dtype)
