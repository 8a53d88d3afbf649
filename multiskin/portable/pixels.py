"""Preprocessing of photos, pixel-identical to albumentations, which takes seconds to import."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import cv2
import numpy as np

from multiskin.data.preprocessing import LARGEST, Preprocessing, parse_step
from multiskin.errors import UserError, unknown

Step = Callable[[np.ndarray], np.ndarray]
WHERE = "data.transform"


class Pixels:
    """Turns a photo (h, w, 3) uint8 RGB into the network's pixels (S, S, 3) uint8.

    Raises:
        UserError: a step needs torch or albumentations.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        size = preprocessing.input_size
        if (preprocessing.skin.crop or preprocessing.skin.only) and preprocessing.skin.detector is None:
            raise UserError(
                "data.skin: the model detects faces with MTCNN, which needs torch; train it with a YuNet file in "
                "data.skin.detector, or predict from the run itself"
            )
        self.first = preprocessing.first_step()
        self.steps = [*(_create(*parse_step(step, WHERE), size) for step in preprocessing.steps), _resize(size, size)]

    def check(self) -> None:
        """Checks that the face detector, if any, can be loaded.

        Raises:
            UserError: it cannot be loaded.
        """
        self.first.check()

    def __call__(self, photo: np.ndarray) -> np.ndarray:
        picture = self.first(photo)
        for step in self.steps:
            picture = step(picture)
        return picture


def _create(name: str, options: dict[str, Any], size: int) -> Step:
    if name not in STEPS:
        raise unknown("transform", name, STEPS, f"{WHERE} (without torch)")
    sides, options = _sides(options, size)
    known = STEPS[name][1]
    for option, value in options.items():
        if option not in known or type(value) is not int:
            raise UserError(
                f"{WHERE}: {name}: {option} {value!r} is not available without torch, only size and "
                f"{', '.join(known)} with a number; predict from the run itself"
            )
    return STEPS[name][0](*sides, **options)


def _sides(options: Mapping[str, Any], size: int) -> tuple[tuple[int, int], dict[str, Any]]:
    """The height and width, and the remaining options."""
    others = dict(options)
    given = others.pop("size", size)
    height, width = (given, given) if isinstance(given, int) else given
    _require_side(height)
    _require_side(width)
    return (height, width), others


def _require_side(side: object) -> None:
    if type(side) is not int or not 0 < side <= LARGEST:
        raise UserError(f"{WHERE}: size {side!r}: give 1 to {LARGEST} pixels")


def _resize(height: int, width: int, interpolation: int = cv2.INTER_AREA) -> Step:
    def resized(picture: np.ndarray) -> np.ndarray:
        if picture.shape[:2] == (height, width):
            return picture
        return cv2.resize(picture, (width, height), interpolation=interpolation)

    return resized


def _center_crop(height: int, width: int, border_mode: int = cv2.BORDER_REFLECT_101) -> Step:
    return partial(_cropped, height=height, width=width, border_mode=border_mode)


def _cropped(picture: np.ndarray, height: int, width: int, border_mode: int) -> np.ndarray:
    """The centre of a picture, which is padded first if it is too small."""
    over, across = (max(side - own, 0) for side, own in zip((height, width), picture.shape[:2], strict=True))
    edges = (over // 2, over - over // 2, across // 2, across - across // 2)
    if any(edges):
        picture = cv2.copyMakeBorder(picture, *edges, borderType=border_mode)
    top, left = ((own - side) // 2 for side, own in zip((height, width), picture.shape[:2], strict=True))
    return picture[top : top + height, left : left + width]


STEPS: dict[str, tuple[Callable[..., Step], tuple[str, ...]]] = {  # with their options besides the size
    "Resize": (_resize, ("interpolation",)),
    "CenterCrop": (_center_crop, ("border_mode",)),
}
