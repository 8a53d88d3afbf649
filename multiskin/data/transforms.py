"""Augmentation by name, and the one shared way from a photograph to what the network sees.

Recipes differ between heads in training only; every one ends in the same size and normalisation.
"""

import inspect
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import cv2
import numpy as np
import torch

from multiskin.config import SkinConfig, Step
from multiskin.errors import UserError, unknown
from multiskin.faces.step import SkinStep

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # the library asks its host for a newer version at import
import albumentations as A

SIZED = ("Resize", "CenterCrop", "RandomCrop", "RandomResizedCrop")  # take 'size', the input size by default
DETERMINISTIC = ("Resize", "CenterCrop")
FINER = 2  # pixels of a face that is cut out for one of the input, so that crops of it lose little

PADDED = {"pad_if_needed": True, "border_mode": cv2.BORDER_REFLECT_101}  # a black frame would be learned
DEFAULTS: dict[str, dict[str, Any]] = {
    "Resize": {"interpolation": cv2.INTER_AREA},  # area: photos are far larger than the input, and would alias
    "CenterCrop": PADDED,
    "RandomCrop": PADDED,
    "RandomResizedCrop": {"interpolation": cv2.INTER_AREA},
    "RGBShift": {},
    "ISONoise": {},
    "OpticalDistortion": {"border_mode": cv2.BORDER_REFLECT_101},
    "RandomBrightness": {"contrast_limit": 0.0},
    "RandomBrightnessContrast": {},
    "HorizontalFlip": {},
    "VerticalFlip": {},
    "RandomRotate90": {},
    "Rotate": {"border_mode": cv2.BORDER_REFLECT_101},
    "Affine": {"scale": (0.8, 1.2), "border_mode": cv2.BORDER_REFLECT_101},  # the library's own default does nothing
}
CLASSES = {name: getattr(A, name) for name in DEFAULTS if name != "RandomBrightness"}
CLASSES["RandomBrightness"] = A.RandomBrightnessContrast
FIXED = {  # no options here: a small photo would have no crop, and brightness would not stand alone
    "CenterCrop": "pad_if_needed",
    "RandomCrop": "pad_if_needed",
    "RandomBrightness": "contrast_limit",
}


@dataclass(frozen=True)
class Preprocessing:
    """How a photograph becomes the network's input; stored in every checkpoint.

    Attributes:
        input_size: height and width, pixels.
        mean: of each channel, on the scale 0..1.
        std: likewise.
        steps: what validation, test and prediction do to a photo.
        skin: what is done before, in training too.
    """

    input_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    steps: tuple[Step, ...] = ("Resize",)
    skin: SkinConfig = field(default_factory=SkinConfig)

    def to_dict(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Preprocessing":
        mean, std, steps = (tuple(content[key]) for key in ("mean", "std", "steps"))
        skin = SkinConfig(**content.get("skin", {}))  # checkpoints from before this step have none
        return cls(content["input_size"], mean, std, steps, skin)


class PhotoTransform:
    """A photo (h, w, 3) uint8 to (3, S, S) float32; what is random in it depends on the seed of the call alone.

    Attributes:
        skin: the first step, which makes a picture of the photo.
        compose: all that is done to that picture.
    """

    def __init__(self, steps: Sequence[Step], preprocessing: Preprocessing, where: str) -> None:
        size = preprocessing.input_size
        self.skin = SkinStep(preprocessing.skin, FINER * size)
        self.compose = A.Compose(
            [
                *(_create(step, size, where) for step in steps),
                A.Resize(size, size, **DEFAULTS["Resize"]),
                A.Normalize(mean=preprocessing.mean, std=preprocessing.std),
            ]
        )

    def __call__(self, photo: np.ndarray, seed: int) -> torch.Tensor:
        return self.prepare(self.skin(photo), seed)

    def prepare(self, picture: np.ndarray, seed: int) -> torch.Tensor:
        """What follows the first step."""
        # One stream for all steps: set_random_seed gives each step the same numbers, and all would happen at once.
        self.compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
        pixels = self.compose(image=picture)["image"]
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def training_transform(steps: Sequence[Step], preprocessing: Preprocessing, where: str) -> PhotoTransform:
    """The augmentation of one head's recipe.

    Raises:
        UserError: an unknown transform or option.
    """
    return PhotoTransform(steps, preprocessing, where)


def evaluation_transform(preprocessing: Preprocessing) -> PhotoTransform:
    """What validation, test and prediction share.

    Raises:
        UserError: a transform that is unknown or random, or a detector of faces that is not there.
    """
    where = "data.transform"
    for step in preprocessing.steps:
        name, options = _parse(step, where)
        if name not in DETERMINISTIC:
            raise unknown("transform", name, DETERMINISTIC, f"{where} (no randomness outside training)")
        if options.get("p", 1) != 1:
            raise UserError(f"{where}: {name}: p is {options['p']}; leave it out, for nothing is random here")
    transform = PhotoTransform(preprocessing.steps, preprocessing, where)
    transform.skin.check()  # before the first photo
    return transform


def _parse(step: Step, where: str) -> tuple[str, dict[str, Any]]:
    if isinstance(step, str):
        return step, {}
    if isinstance(step, Mapping) and len(step) == 1:
        name, options = next(iter(step.items()))
        if options is None or isinstance(options, Mapping):
            return str(name), dict(options or {})
    raise UserError(f"{where}: {step!r} is no transform; give a name, or a name and options: RandomCrop: {{size: 512}}")


def _create(step: Step, input_size: int, where: str) -> A.BasicTransform:
    name, options = _parse(step, where)
    if name not in DEFAULTS:
        raise unknown("transform", name, DEFAULTS, where)
    where = f"{where}: {name}"
    known = _known_options(name)
    for option in options:
        if option not in known:
            raise unknown("option", option, known, where)
    if name in SIZED:
        options |= _size(name, options.pop("size", input_size), where)
    try:
        return CLASSES[name](**DEFAULTS[name] | options)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {_one_line(error)}") from error


def _known_options(name: str) -> list[str]:
    """The library's own, but one 'size' for all."""
    hidden = ("self", "size", "height", "width", FIXED.get(name))
    own = [option for option in inspect.signature(CLASSES[name].__init__).parameters if option not in hidden]
    return ["size", *own] if name in SIZED else own


def _size(name: str, size: Any, where: str) -> dict[str, Any]:
    """Our one option 'size', height and width in pixels, in the words of each class."""
    sides = (size, size) if isinstance(size, int) else size
    pair = isinstance(sides, Sequence) and len(sides) == 2
    if not (pair and all(type(side) is int and side > 0 for side in sides)):  # a bool is an int too
        raise UserError(f"{where}: size is {size!r}; give pixels, one number or [height, width]")
    return {"size": tuple(sides)} if name == "RandomResizedCrop" else {"height": sides[0], "width": sides[1]}


def _one_line(error: Exception) -> str:
    """Pydantic's report without its heading and its links."""
    lines = [line.strip() for line in str(error).splitlines() if "errors.pydantic.dev" not in line]
    return " ".join(lines[1:] if len(lines) > 1 else lines)
