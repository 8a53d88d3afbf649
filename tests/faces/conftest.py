"""A drawing of the average face, realistic enough for detectors to find it."""

import cv2
import numpy as np
import pytest

from multiskin.faces.anatomy import BROWS, CENTRE, EYES, LANDMARKS, LIPS, NOSTRILS, OUTLINE
from multiskin.faces.detection import DetectedFace

SKINS = {"light": (222, 178, 152), "brown": (150, 104, 78), "dark": (86, 56, 42)}
BACKDROP, HAIR, LIP, IRIS, EYE = (120, 140, 150), (25, 20, 18), (150, 60, 62), (30, 22, 18), (225, 222, 220)


class DrawnFace:
    """A picture (h, w, 3) uint8 of one face, and where its parts are.

    Args:
        skin: one of SKINS.
        unit: pixels per unit of `anatomy`.
        turn: rotation in degrees, clockwise.
        shape: height and width, pixels.
    """

    def __init__(self, skin="light", unit=30.0, turn=0.0, shape=(360, 420)):
        angle = np.radians(turn)
        self.matrix = unit * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        self.shift = np.array(shape[::-1]) / 2 - self.matrix @ CENTRE
        photo = np.full((*shape, 3), BACKDROP, np.uint8)
        for colour, outlines in self._layers(SKINS[skin]):
            for outline in outlines:
                cv2.fillPoly(photo, [self._pixels(outline)], colour, cv2.LINE_AA)
        nose = np.array([(0.25, 0.1), (0.3, 0.9), (0.55, 1.2), (0.4, 1.45), (-0.4, 1.45)])
        shade = tuple(int(0.8 * channel) for channel in SKINS[skin])
        cv2.polylines(photo, [self._pixels(nose)], False, shade, max(round(unit / 15), 1), cv2.LINE_AA)
        self.photo = cv2.GaussianBlur(photo, (0, 0), unit / 25)

    def _layers(self, skin):
        turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        iris = 0.17 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        yield HAIR, [1.12 * OUTLINE - (0, 0.35)]
        yield skin, [OUTLINE]
        yield HAIR, [*BROWS, *NOSTRILS]
        yield EYE, EYES
        yield IRIS, [iris - (1, -0.02), iris - (-1, -0.02)]
        yield LIP, [LIPS]

    def place(self, points):
        """Points (N, 2) in units of `anatomy` as pixels."""
        return points @ self.matrix.T + self.shift

    def _pixels(self, points):
        return np.rint(self.place(points)).astype(np.int32)

    def inside(self, *outlines):
        mask = np.zeros(self.photo.shape[:2], np.uint8)
        for outline in outlines:
            cv2.fillPoly(mask, [self._pixels(outline)], 1)
        return mask > 0

    @property
    def face(self):
        """What a perfect detector would find."""
        edges = self.place(OUTLINE)
        (left, top), (right, bottom) = edges.min(axis=0).tolist(), edges.max(axis=0).tolist()
        landmarks = tuple(map(tuple, self.place(LANDMARKS).tolist()))
        return DetectedFace((left, top, right - left, bottom - top), landmarks, 1.0)


@pytest.fixture(scope="session")
def draw_face():
    return DrawnFace
