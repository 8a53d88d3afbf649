"""Detects faces in photos with MTCNN, which is included, or with a YuNet model file that the user provides."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from os import getpid
from pathlib import Path

import cv2
import numpy as np

from multiskin.errors import UserError
from multiskin.faces.yunet import YuNet

SIDE = 320  # pixels of the longer side after scaling for detection, which bounds time and memory

Detector = Callable[[np.ndarray], np.ndarray]
"""Pixels (h, w, 3) uint8 RGB to faces (N, 15): left, top, width, height, x and y of 5 landmarks, confidence 0..1."""


@dataclass(frozen=True)
class DetectedFace:
    """A face in pixels of the photo; x runs to the right and y down, and 0 is the centre of the first pixel.

    Attributes:
        box: left, top, width, height.
        landmarks: x and y of the eyes, the tip of the nose and the corners of the mouth; in each pair, the one on the
            left of the photo (the person's right) comes first.
        confidence: 0..1, on the scale of the detector.
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    confidence: float


def find_faces(photo: np.ndarray, detector: str | None = None) -> list[DetectedFace]:
    """The faces in a photo, the largest first; the list may be empty.

    Args:
        photo: (h, w, 3) uint8 RGB.
        detector: path of a YuNet model, an .onnx file; None uses MTCNN.

    Raises:
        UserError: the file does not exist or is not a YuNet model.
    """
    scale = min(1.0, SIDE / max(photo.shape[:2]))
    height, width = (max(round(scale * side), 1) for side in photo.shape[:2])
    small = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    found = load_detector(detector)(small)  # (N, 15)
    stretch = np.array(photo.shape[1::-1]) / (width, height)
    found[:, :4] *= np.tile(stretch, 2)
    found[:, 4:14] = found[:, 4:14] * np.tile(stretch, 5) + np.tile(stretch - 1, 5) / 2  # maps the centres of pixels
    return [_face(*row) for row in found[np.argsort(-found[:, 2] * found[:, 3], kind="stable")].tolist()]


def _face(left: float, top: float, width: float, height: float, *others: float) -> DetectedFace:
    *landmarks, confidence = others
    points = tuple(zip(landmarks[::2], landmarks[1::2], strict=True))
    return DetectedFace((left, top, width, height), points, confidence)


def load_detector(path: str | None) -> Detector:
    """The detector in this file, or MTCNN if it is None; loaded once per process.

    Raises:
        UserError: the file does not exist or is not a YuNet model.
    """
    return _load_detector(path, getpid())


@lru_cache
def _load_detector(path: str | None, _process: int) -> Detector:
    """Cached by process, since a forked one would inherit locks and threads in an undefined state."""
    if path is None:
        from multiskin.faces.mtcnn import Mtcnn  # needs torch, unlike YuNet

        return Mtcnn()
    if not Path(path).is_file():
        raise UserError(f"face detector {path!r}: no such file; give a YuNet .onnx file, or none to use MTCNN")
    return YuNet(path)
