"""Faces in a photograph, by the detector that the user names: the included one, or a file of another."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from os import getpid
from pathlib import Path

import cv2
import numpy as np

from multiskin.errors import UserError
from multiskin.faces.yunet import YuNet

SIDE = 320  # pixels: the longer side of what detectors see, whatever the photo, so that time and memory are bounded

Detector = Callable[[np.ndarray], np.ndarray]
"""Pixels (h, w, 3) uint8 RGB to faces (N, 15): left, top, width, height, five landmarks x and y, confidence 0..1."""


@dataclass(frozen=True)
class DetectedFace:
    """Where a face lies, in pixels of the photo; x runs to the right and y down, and 0 is the first pixel's centre.

    Attributes:
        box: left, top, width, height.
        landmarks: x and y of the eyes, the tip of the nose and the corners of the mouth; of each pair, the one on the
            left of the photo (the person's right) first.
        confidence: 0..1, on the detector's own scale.
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    confidence: float


def find_faces(photo: np.ndarray, detector: str | None = None) -> list[DetectedFace]:
    """The faces of a photo (h, w, 3) uint8 RGB, the largest first; may be empty.

    Args:
        photo: decoded pixels.
        detector: the path of a YuNet model, an .onnx file; None for MTCNN, which is included.

    Raises:
        UserError: no such detector.
    """
    scale = min(1.0, SIDE / max(photo.shape[:2]))
    height, width = (max(round(scale * side), 1) for side in photo.shape[:2])
    small = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    found = load_detector(detector)(small)  # (N, 15)
    stretch = np.array(photo.shape[1::-1]) / (width, height)
    found[:, :4] *= np.tile(stretch, 2)
    found[:, 4:14] = found[:, 4:14] * np.tile(stretch, 5) + np.tile(stretch - 1, 5) / 2  # of centres of pixels
    return [_face(*row) for row in found[np.argsort(-found[:, 2] * found[:, 3], kind="stable")].tolist()]


def _face(left: float, top: float, width: float, height: float, *others: float) -> DetectedFace:
    *landmarks, confidence = others
    points = tuple(zip(landmarks[::2], landmarks[1::2], strict=True))
    return DetectedFace((left, top, width, height), points, confidence)


def load_detector(path: str | None) -> Detector:
    """A detector by its file, or MTCNN; kept from one call to the next.

    Raises:
        UserError: no such file, or not a detector.
    """
    return _load_detector(path, getpid())


@lru_cache
def _load_detector(path: str | None, _process: int) -> Detector:
    """Loads one per process: a forked process would inherit locks and threads in whatever state they are."""
    if path is None:
        from multiskin.faces.mtcnn import Mtcnn  # needs torch, unlike the other one

        return Mtcnn()
    if not Path(path).is_file():
        raise UserError(f"face detector {path!r}: no such file; give a YuNet .onnx file, or none to use MTCNN")
    return YuNet(path)
