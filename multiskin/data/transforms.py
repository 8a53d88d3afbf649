"""Augmentations by name, and the preprocessing of photographs for the network.

Recipes differ between heads in training only; all end with the same size and normalisation.
"""

import inspect
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
import torch

from multiskin.config import Step
from multiskin.data.preprocessing import Preprocessing, parse_step
from multiskin.errors import UserError, unknown

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # the library asks its host for a newer version at import
import albumentations as A

SIZED = ("Resize", "CenterCrop", "RandomCrop", "RandomResizedCrop")  # have the option size, by default the input size
DETERMINISTIC = ("Resize", "CenterCrop")
LARGEST = 1_000_000  # of the numbers in options; far larger ones, and infinite ones, keep the library busy for ever

PADDED = {"pad_if_needed": True, "border_mode": cv2.BORDER_REFLECT_101}  # the network could learn from black borders
DEFAULTS: dict[str, dict[str, Any]] = {
    "Resize": {"interpolation": cv2.INTER_AREA},  # photos are far larger than the input, and would alias otherwise
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
    "Affine": {"scale": (0.8, 1.2), "border_mode": cv2.BORDER_REFLECT_101},  # the library's default does nothing
}
CLASSES = {name: getattr(A, name) for name in DEFAULTS if name != "RandomBrightness"}
CLASSES["RandomBrightness"] = A.RandomBrightnessContrast
FIXED = {  # options that users cannot set: without them, small photos could not be cropped and contrast would change
    "CenterCrop": "pad_if_needed",
    "RandomCrop": "pad_if_needed",
    "RandomBrightness": "contrast_limit",
}


class PhotoTransform:
    """Maps a photo (h, w, 3) uint8 to (3, S, S) float32; its randomness depends only on the seed of the call.

    It has two parts: `settle` is deterministic, so that its result may be cached; `finish` starts with the first random
    step.

    Attributes:
        skin: the face crop, which comes first.
        compose: all other steps.
        settled: how many of them, at the start, are deterministic.
    """

    def __init__(self, steps: Sequence[Step], preprocessing: Preprocessing, where: str) -> None:
        size = preprocessing.input_size
        self.skin = preprocessing.first_step()
        self.compose = A.Compose(
            [
                *(_create(step, size, where) for step in steps),
                A.Resize(size, size, **DEFAULTS["Resize"]),
                A.Normalize(mean=preprocessing.mean, std=preprocessing.std),
            ]
        )
        every = self.compose.transforms
        self.settled = next(number for number, step in enumerate(every) if not _is_settled(step))
        self.rest = A.Compose(every[self.settled :])

    def __call__(self, photo: np.ndarray, seed: int) -> torch.Tensor:
        return self.finish(self.settle(photo), seed)

    def prepare(self, picture: np.ndarray, seed: int) -> torch.Tensor:
        """All steps after the face crop."""
        return self.finish(self._apply_settled(picture), seed)

    def settle(self, photo: np.ndarray) -> np.ndarray:
        """The deterministic first part: a picture (h, w, 3) uint8."""
        return self._apply_settled(self.skin(photo))

    def finish(self, picture: np.ndarray, seed: int) -> torch.Tensor:
        """The rest, from the first random step on: (3, S, S) float32."""
        # One stream for all steps: set_random_seed would give each step the same numbers, and so correlate them.
        self.rest.set_random_state(np.random.default_rng(seed), random.Random(seed))
        pixels = self.rest(image=picture)["image"]
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))

    def settled_size(self) -> tuple[int, int] | None:
        """Height and width of what `settle` returns; None if they depend on the photo."""
        if self.settled == 0:
            return None
        last = self.compose.transforms[self.settled - 1]
        return last.height, last.width

    def least_size(self) -> tuple[int, int] | None:
        """The size that a photo may be reduced to in decoding, since the first step resizes it; None if none does."""
        config, first = self.skin.config, self.compose.transforms[0]
        full = config.crop or config.only or self.settled == 0 or type(first) is not A.Resize
        return None if full else (first.height, first.width)

    def settings(self) -> dict[str, Any]:
        """The settings that the result of `settle` depends on."""
        steps = self._settled_steps()
        effective = [step for before, step in zip([None, *steps], steps, strict=False) if not _is_no_op(step, before)]
        return {"skin": asdict(self.skin), "steps": [step.to_dict() for step in effective]}

    def _settled_steps(self) -> list[A.BasicTransform]:
        return self.compose.transforms[: self.settled]

    def _apply_settled(self, picture: np.ndarray) -> np.ndarray:
        for step in self._settled_steps():
            picture = step(image=picture)["image"]
        return picture


def _is_settled(step: A.BasicTransform) -> bool:
    return type(step) in (A.Resize, A.CenterCrop) and step.p == 1


def _is_no_op(step: A.BasicTransform, before: A.BasicTransform | None) -> bool:
    """Whether a step resizes to the size that the step before has produced already."""
    return type(step) is A.Resize and before is not None and (step.height, step.width) == (before.height, before.width)


def training_transform(steps: Sequence[Step], preprocessing: Preprocessing, where: str) -> PhotoTransform:
    """The augmentation of one head's recipe.

    Raises:
        UserError: an unknown transform or option.
    """
    return PhotoTransform(steps, preprocessing, where)


def evaluation_transform(preprocessing: Preprocessing) -> PhotoTransform:
    """The transform of validation, test and prediction.

    Raises:
        UserError: a transform that is unknown or random, or a face detector that does not exist.
    """
    where = "data.transform"
    for step in preprocessing.steps:
        name, options = parse_step(step, where)
        if name not in DETERMINISTIC:
            raise unknown("transform", name, DETERMINISTIC, f"{where} (no randomness outside training)")
        if options.get("p", 1) != 1:
            raise UserError(f"{where}: {name}: p is {options['p']}; leave it out, since nothing may be random here")
    transform = PhotoTransform(preprocessing.steps, preprocessing, where)
    transform.skin.check()  # before the first photo
    return transform


def _create(step: Step, input_size: int, where: str) -> A.BasicTransform:
    name, options = parse_step(step, where)
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
        created = CLASSES[name](**DEFAULTS[name] | options)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{where}: {_one_line(error)}") from error
    for option in options:
        if any(not abs(number) <= LARGEST for number in _numbers(getattr(created, option, None))):
            raise UserError(f"{where}: {option} is {options[option]}; give numbers up to {LARGEST:,}")
    return created


def _numbers(value: Any) -> list[float]:
    """All numbers in an option as the library understood it: a single value, a list, or a mapping of axes to them."""
    if isinstance(value, Mapping):
        return _numbers(list(value.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [number for part in value for number in _numbers(part)]
    return [value] if isinstance(value, int | float) else []


def _known_options(name: str) -> list[str]:
    """The library's options, with a common option 'size' in place of its various ones."""
    hidden = ("self", "size", "height", "width", FIXED.get(name))
    own = [option for option in inspect.signature(CLASSES[name].__init__).parameters if option not in hidden]
    return ["size", *own] if name in SIZED else own


def _size(name: str, size: Any, where: str) -> dict[str, Any]:
    """The option 'size', height and width in pixels, as the arguments that the class takes."""
    sides = (size, size) if isinstance(size, int) else size
    pair = isinstance(sides, Sequence) and len(sides) == 2
    if not (pair and all(type(side) is int and side > 0 for side in sides)):  # a bool is an int too
        raise UserError(f"{where}: size is {size!r}; give pixels, one number or [height, width]")
    return {"size": tuple(sides)} if name == "RandomResizedCrop" else {"height": sides[0], "width": sides[1]}


def _one_line(error: Exception) -> str:
    """A pydantic error on one line, without its heading and links."""
    lines = [line.strip() for line in str(error).splitlines() if "errors.pydantic.dev" not in line]
    return " ".join(lines[1:] if len(lines) > 1 else lines)
