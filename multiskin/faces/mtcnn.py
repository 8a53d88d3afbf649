"""MTCNN: a cascade of three small networks that propose, refine and locate faces.

Source: Zhang, Zhang, Li and Qiao, "Joint face detection and alignment using multitask cascaded convolutional networks",
IEEE Signal Processing Letters, 2016.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import Tensor

from multiskin.faces.networks import Network

MIN_FACE = 32  # pixels: the smallest face that is looked for
CELL, STRIDE = 12, 2  # pixels: the receptive field of the first network, and the distance between its outputs
REFINE_SIZE, LOCATE_SIZE = 24, 48  # pixels: the input sizes of the second and third networks
PYRAMID_FACTOR = 0.709  # ratio of successive scales of the image pyramid; halves the area
MIN_CONFIDENCE = (0.6, 0.7, 0.9)  # minimum confidence of the boxes that each network passes on
MAX_IOU = 0.7, 0.5  # intersection over union above which boxes are the same face: of candidates, at the end
MAX_BOXES = 200  # maximum number of boxes between networks, which bounds the time


class Mtcnn:
    """Detects faces in pixels, (h, w, 3) uint8 RGB to (N, 15); see `detection.Detector`.

    Internally, a box is a row of left, top, right, bottom and confidence.
    """

    def __init__(self) -> None:
        self.propose = Network("pnet", (2,), outputs=2)
        self.refine = Network("rnet", (3, 3), outputs=2)
        self.locate = Network("onet", (3, 3, 2), outputs=3)

    @torch.inference_mode()
    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        boxes = np.concatenate([np.empty((0, 5)), *self._proposals(pixels)])
        boxes = _square(_nms(boxes, MAX_IOU[0]))
        offsets, logits = self.refine(_patches(pixels, boxes, REFINE_SIZE))
        boxes = _square(_nms(_keep_confident(_refined(boxes, offsets, logits), MIN_CONFIDENCE[1]), MAX_IOU[0]))
        offsets, points, logits = self.locate(_patches(pixels, boxes, LOCATE_SIZE))
        found = np.concatenate([_refined(boxes, offsets, logits), _landmarks(boxes, points)], axis=1)  # (N, 15)
        found = _nms(_keep_confident(found, MIN_CONFIDENCE[2]), MAX_IOU[1])
        return np.concatenate([found[:, :2], _sizes(found), found[:, 5:], found[:, 4:5]], axis=1)

    def _proposals(self, pixels: np.ndarray) -> Iterator[np.ndarray]:
        """Boxes at each scale of the image pyramid, since the first network detects only one size of face."""
        scale = CELL / MIN_FACE
        while scale * min(pixels.shape[:2]) >= CELL:
            height, width = (round(scale * side) for side in pixels.shape[:2])
            small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
            offsets, logits = (output[0] for output in self.propose(_tensor(small[None])))  # (4 or 2, h', w')
            corners = STRIDE * np.indices(logits.shape[1:])[::-1].reshape(2, -1).T  # (h' w', 2)
            boxes = np.concatenate([corners, corners + CELL, np.zeros((len(corners), 1))], axis=1)
            boxes = _keep_confident(_refined(boxes, offsets.flatten(1).T, logits.flatten(1).T), MIN_CONFIDENCE[0])
            boxes[:, :4] /= scale
            yield _nms(boxes, MAX_IOU[1])
            scale *= PYRAMID_FACTOR


def _sizes(boxes: np.ndarray) -> np.ndarray:
    """Widths and heights, (N, 2)."""
    return boxes[:, 2:4] - boxes[:, :2]


def _refined(boxes: np.ndarray, offsets: Tensor, logits: Tensor) -> np.ndarray:
    """Boxes moved by offsets (N, 4) in units of their sizes, with the confidence from logits (N, 2)."""
    edges = boxes[:, :4] + offsets.numpy() * np.tile(_sizes(boxes), 2)
    return np.concatenate([edges, logits.softmax(dim=1)[:, 1:].numpy()], axis=1)


def _landmarks(boxes: np.ndarray, points: Tensor) -> np.ndarray:
    """Landmarks (N, 10) as x, y, x, y, ... in pixels, from all x and then all y (N, 10) in units of the boxes."""
    within = points.numpy().reshape(-1, 2, 5).swapaxes(1, 2)  # (N, 5, 2)
    return (boxes[:, None, :2] + within * _sizes(boxes)[:, None]).reshape(-1, 10)


def _keep_confident(boxes: np.ndarray, minimum: float) -> np.ndarray:
    return boxes[boxes[:, 4] > minimum]


def _nms(boxes: np.ndarray, overlap: float) -> np.ndarray:
    """Non-maximum suppression, keeping at most MAX_BOXES boxes."""
    rectangles = np.concatenate([boxes[:, :2], _sizes(boxes)], axis=1)
    best = np.argsort(-boxes[:, 4], kind="stable")[: 10 * MAX_BOXES]
    kept = cv2.dnn.NMSBoxes(rectangles[best].tolist(), boxes[best, 4].tolist(), 0.0, overlap)
    return boxes[best[np.array(kept, dtype=int)[:MAX_BOXES]]]


def _square(boxes: np.ndarray) -> np.ndarray:
    """Boxes extended to squares with the same centres."""
    half = _sizes(boxes).max(axis=1, keepdims=True) / 2
    middle = (boxes[:, :2] + boxes[:, 2:4]) / 2
    return np.concatenate([middle - half, middle + half, boxes[:, 4:]], axis=1)


def _patches(pixels: np.ndarray, boxes: np.ndarray, side: int) -> Tensor:
    """The pixels of each square box, black outside the picture: (N, 3, side, side)."""
    patches = np.zeros((len(boxes), side, side, 3), np.uint8)
    for patch, (left, top, right, *_) in zip(patches, boxes.tolist(), strict=True):
        pitch = (right - left) / side
        place = np.array([[pitch, 0, left + (pitch - 1) / 2], [0, pitch, top + (pitch - 1) / 2]])
        cv2.warpAffine(pixels, place, (side, side), dst=patch, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return _tensor(patches)


def _tensor(pixels: np.ndarray) -> Tensor:
    """(N, h, w, 3) uint8 to (N, 3, h, w) float32, about -1..1."""
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127.5) / 128
