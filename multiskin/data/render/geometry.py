"""Where things are: the coordinates in which a part of the face is described, and soft shapes in them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pose:
    """How a part of the face sits in the photo."""

    turn: float  # radians
    zoom: float
    shift: tuple[float, float]  # half image widths
    mirrored: bool = False


def draw_pose(rng: np.random.Generator, mirrored: bool) -> Pose:
    """A hand-held photo: a few degrees of turn, a tenth of zoom."""
    return Pose(rng.normal(0, 0.06), rng.uniform(0.92, 1.12), (rng.normal(0, 0.05), rng.normal(0, 0.05)), mirrored)


def coordinates(size: int, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """The face's own coordinates at each pixel, x to the right and y down, -1..1 over the photo; two (h, w) float32."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
    right, down = np.meshgrid(axis - pose.shift[0], axis - pose.shift[1])
    cos, sin = float(np.cos(pose.turn)) / pose.zoom, float(np.sin(pose.turn)) / pose.zoom
    x, y = right * cos + down * sin, down * cos - right * sin
    return (-x if pose.mirrored else x), y


def step(low: float, high: float, value: np.ndarray | float) -> np.ndarray:
    """Rises smoothly from 0 at low to 1 at high; falls where high < low."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def radius(
    x: np.ndarray, y: np.ndarray, centre: tuple[float, float], axes: tuple[float, float], turn: float = 0
) -> np.ndarray:
    """Distance from an ellipse's centre, 1 on the ellipse."""
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    dx, dy = x - centre[0], y - centre[1]
    return np.hypot((dx * cos + dy * sin) / axes[0], (dy * cos - dx * sin) / axes[1])


def bump(
    x: np.ndarray, y: np.ndarray, centre: tuple[float, float], axes: tuple[float, float], turn: float = 0
) -> np.ndarray:
    """A Gaussian hill of height 1."""
    return np.exp(-(radius(x, y, centre, axes, turn) ** 2))
