"""The conditions by name: how each is drawn, which parts are graded for it, and how its grades are spread."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from multiskin.data.render.conditions import hydration, oil, pigmentation, sensitivity, wrinkle
from multiskin.data.render.ground import Ground

Draw = Callable[[Ground, float, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Condition:
    """Draws on a ground with a severity 0..1 and returns its mask (h, w), 0..1."""

    draw: Draw
    parts: tuple[str, ...]  # that are graded for it
    histogram: tuple[int, ...]  # photos of each grade in the five-model system's training set


# In the order of drawing: what lies in the skin before what lies on it. Counts are those of the label files published
# with boostcampaitech3/final-project-level3-cv-15.
CONDITIONS: dict[str, Condition] = {
    "pigmentation": Condition(pigmentation.draw, ("side", "centre"), (435, 894, 520, 143, 46)),
    "sensitivity": Condition(sensitivity.draw, ("side", "forehead", "centre", "chin"), (1364, 1549, 420, 43, 14)),
    "wrinkle": Condition(wrinkle.draw, ("forehead", "centre", "chin"), (740, 807, 408, 64, 12)),
    "hydration": Condition(hydration.draw, ("chin",), (40, 182, 279, 133, 45)),
    "oil": Condition(oil.draw, ("side", "forehead", "centre"), (26, 735, 1501, 413, 35)),
}
