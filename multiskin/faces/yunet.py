"""YuNet (Wu et al. 2023), a small face detector that OpenCV runs from a model file."""

from threading import Lock

import cv2
import numpy as np

from multiskin.errors import UserError

MIN_CONFIDENCE = 0.8  # minimum confidence of a detection


class YuNet:
    """Detects faces in pixels, (h, w, 3) uint8 RGB to (N, 15); see `detection.Detector`.

    Raises:
        UserError: the file is not a YuNet model.
    """

    def __init__(self, path: str) -> None:
        self.lock = Lock()  # the input size is part of the detector's state
        try:
            self.detector = cv2.FaceDetectorYN.create(path, "", (32, 32), MIN_CONFIDENCE)
            self(np.zeros((32, 32, 3), np.uint8))
        except cv2.error as error:
            raise UserError(f"face detector {path}: not a YuNet model; download one from OpenCV's model zoo") from error

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        with self.lock:
            self.detector.setInputSize(pixels.shape[1::-1])
            _, found = self.detector.detect(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        return np.empty((0, 15)) if found is None else found.astype(float)
