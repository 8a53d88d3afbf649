"""Crops faces upright into a square, and maps results from the crop back to the photo."""

import cv2
import numpy as np

from multiskin.faces.anatomy import CENTRE, HALF_HEIGHT, LANDMARKS
from multiskin.faces.detection import DetectedFace


def align(photo: np.ndarray, face: DetectedFace, size: int, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Crops a face, rotated upright, from the hairline to the chin.

    Args:
        photo: (h, w, 3) or (h, w).
        face: the detected face.
        size: height and width of the crop in pixels.
        margin: added on each side, as a share of half the face's height.

    Returns:
        The crop, in which the photo is reflected beyond its edges, and the transform (2, 3) from photo to crop, pixels.
    """
    transform = upright(face, size, margin)
    return cut(photo, transform, size), transform


def upright(face: DetectedFace, size: int, margin: float) -> np.ndarray:
    """The transform (2, 3) of `align`, without the photo."""
    return similarity(np.array(face.landmarks), in_crop(LANDMARKS, size, margin))


def in_crop(points: np.ndarray, size: int, margin: float) -> np.ndarray:
    """Points (N, 2) in the units of `anatomy` as pixels of a crop."""
    return (points - CENTRE) * (size / (2 * HALF_HEIGHT * (1 + margin))) + (size - 1) / 2


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The least-squares similarity transform (2, 3), a rotation, scale and shift, of points (N, 2) to others (N, 2)."""
    z, w = source @ (1, 1j), target @ (1, 1j)
    factor = np.vdot(z - z.mean(), w - w.mean()) / np.vdot(z - z.mean(), z - z.mean()).real
    shift = w.mean() - factor * z.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def transformed(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Points (N, 2) after a transform (2, 3)."""
    return points @ transform[:, :2].T + transform[:, 2]


def cut(photo: np.ndarray, transform: np.ndarray, size: int) -> np.ndarray:
    """The crop of `align` from another picture of the same height and width, such as a mask."""
    shrink = min(1.0, float(np.sqrt(np.linalg.det(transform[:, :2]))))
    if shrink < 1:  # averages over areas first, since interpolation alone would skip pixels
        width, height = (max(round(shrink * side), 1) for side in photo.shape[1::-1])
        ratio = np.array([width, height]) / photo.shape[1::-1]
        photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
        shift = transform[:, 2] + transform[:, :2] @ ((1 / ratio - 1) / 2)  # moves the centre of the first pixel
        transform = np.column_stack([transform[:, :2] / ratio, shift])
    return cv2.warpAffine(photo, transform, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def restore(values: np.ndarray, transform: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A map (size, size) of a crop placed back into the photo, (h, w) = shape; 0 outside the crop."""
    return cv2.warpAffine(values, transform, shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
