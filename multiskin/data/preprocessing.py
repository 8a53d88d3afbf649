"""Settings of how a photograph becomes the network's input; imports no torch, so that ONNX prediction can use it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from multiskin.config import FitConfig, SkinConfig, Step
from multiskin.errors import UserError
from multiskin.faces.step import SkinStep

LARGEST = 8192  # pixels, the largest input size accepted
CHANNELS = 3
FINER = 2  # resolution of a cropped face relative to the input, so that random crops of it lose little detail


@dataclass(frozen=True)
class Preprocessing:
    """How a photograph becomes the network's input; stored in every checkpoint.

    Attributes:
        input_size: height and width, pixels.
        mean: per channel, on the scale 0..1.
        std: likewise.
        steps: the transforms of validation, test and prediction.
        skin: the face crop before them, which training has too.
    """

    input_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    steps: tuple[Step, ...] = ("Resize",)
    skin: SkinConfig = field(default_factory=SkinConfig)

    @classmethod
    def from_settings(cls, config: FitConfig, mean: tuple[float, ...], std: tuple[float, ...]) -> "Preprocessing":
        """The preprocessing of a run's settings, with the mean and std of its backbone."""
        return cls(config.model.input_size, mean, std, tuple(config.data.transform), config.data.skin)

    def to_dict(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Preprocessing":
        """The inverse of to_dict, for content from any source.

        Raises:
            KeyError, TypeError, ValueError: missing or invalid content.
        """
        size, mean, std, steps = content["input_size"], *(tuple(content[key]) for key in ("mean", "std", "steps"))
        if type(size) is not int or not 0 < size <= LARGEST:
            raise ValueError(f"input_size {size!r} is not from 1 to {LARGEST} pixels")
        if not (len(mean) == len(std) == CHANNELS and all(map(math.isfinite, (*mean, *std))) and min(std) > 0):
            raise ValueError(f"mean {mean} and std {std} are not valid for {CHANNELS} channels")
        skin = SkinConfig(**content.get("skin", {}))  # checkpoints older than this option have none
        if not isinstance(skin.detector, str | None):
            raise TypeError(f"detector {skin.detector!r} is not a path")
        return cls(size, mean, std, steps, skin)

    def for_others(self) -> "Preprocessing":
        """A copy to publish: only the file name of the detector, since its folder is private to this machine."""
        detector = self.skin.detector
        return self if detector is None else replace(self, skin=replace(self.skin, detector=Path(detector).name))

    def first_step(self) -> SkinStep:
        """The face crop that comes before the steps."""
        return SkinStep(self.skin, FINER * self.input_size)


def parse_step(step: Step, where: str) -> tuple[str, dict[str, Any]]:
    """The name and the options of a step.

    Raises:
        UserError: the step is malformed.
    """
    if isinstance(step, str):
        return step, {}
    if isinstance(step, Mapping) and len(step) == 1:
        name, options = next(iter(step.items()))
        if options is None or isinstance(options, Mapping):
            return str(name), dict(options or {})
    raise UserError(
        f"{where}: {step!r} is not a transform; give a name, or a name with options such as RandomCrop: {{size: 512}}"
    )
