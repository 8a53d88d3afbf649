"""Maps between a photo and an average face: a similarity, and a thin-plate spline for what it leaves."""

from dataclasses import dataclass

import cv2
import numpy as np

STIFFNESS = 0.1  # keeps landmarks that were set a little off from bending the face


@dataclass(frozen=True)
class Similarity:
    """Turns, scales and shifts the plane, as one multiplication of complex numbers: z -> factor z + offset."""

    factor: complex
    offset: complex

    def __call__(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Maps coordinates of any shape."""
        a, b = self.factor.real, self.factor.imag
        return a * x - b * y + self.offset.real, b * x + a * y + self.offset.imag

    @property
    def inverse(self) -> "Similarity":
        return Similarity(1 / self.factor, -self.offset / self.factor)


def fit_similarity(source: np.ndarray, target: np.ndarray) -> Similarity:
    """The similarity that takes points (n, 2) nearest to others, by least squares and without reflection."""
    z, w = source[:, 0] + 1j * source[:, 1], target[:, 0] + 1j * target[:, 1]
    from_middle = z - z.mean()
    factor = complex(np.sum(from_middle.conj() * w) / np.sum(np.abs(from_middle) ** 2))
    return Similarity(factor, complex(w.mean() - factor * z.mean()))


@dataclass(frozen=True)
class Spline:
    """A thin-plate spline of the plane: the smoothest map that takes its knots about where they belong."""

    knots: np.ndarray  # (n, 2)
    weights: np.ndarray  # (n, 2)
    affine: np.ndarray  # (3, 2): of 1, x and y

    def __call__(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Maps coordinates of any shape."""
        right, down = (c0 + cx * x + cy * y for c0, cx, cy in self.affine.T.tolist())
        for (knot_x, knot_y), (weight_x, weight_y) in zip(self.knots.tolist(), self.weights.tolist(), strict=True):
            pull = _bending((x - knot_x) ** 2 + (y - knot_y) ** 2)
            right += weight_x * pull
            down += weight_y * pull
        return right, down


def fit_spline(source: np.ndarray, target: np.ndarray) -> Spline:
    """The spline that takes points (n, 2) near others, both about a unit apart (Bookstein 1989; Wahba 1990)."""
    count = len(source)
    plane = np.column_stack([np.ones(count), source])
    distances = ((source[:, None] - source[None]) ** 2).sum(axis=2)
    bending = _bending(distances) + STIFFNESS * np.eye(count)
    system = np.block([[bending, plane], [plane.T, np.zeros((3, 3))]])
    _, solution = cv2.solve(system, np.vstack([target, np.zeros((3, 2))]), flags=cv2.DECOMP_LU)
    return Spline(source, solution[:count], solution[count:])


def _bending(squared: np.ndarray) -> np.ndarray:
    """The kernel r^2 log r^2."""
    return squared * np.log(squared + 1e-9)
