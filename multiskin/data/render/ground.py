"""The ground that conditions are drawn on: layers of colour, form and shine, before lighting."""

from dataclasses import dataclass

import numpy as np

REGIONS = {
    "shine": "where glands make skin greasy, the T-zone above all",
    "gleam": "where the light of this photo makes a greasy film gleam",
    "flush": "where skin is redder by nature",
    "sun": "where the sun falls most",
    "dry": "where skin dries out first",
    "lips": "the red of the lips",
}


@dataclass
class Ground:
    """One part of a face as layers of (h, w) float32. Conditions change the layers; light and camera come after.

    Procedural skin is one source of grounds; a photograph with landmarks can be another, with the photograph's
    linear-light pixels as `albedo` and the coordinates fitted to its landmarks.
    """

    part: str
    x: np.ndarray  # the face's own coordinates, -1..1 over the photo, whatever the pose
    y: np.ndarray
    skin: np.ndarray  # 0..1, where there is skin that a condition may lie on
    regions: dict[str, np.ndarray]  # 0..1 each, by the names of REGIONS
    albedo: np.ndarray  # (h, w, 3) linear light
    form: np.ndarray  # height of the face, in units of x
    solid: np.ndarray  # 1 where `form` holds, 0 for the backdrop
    relief: np.ndarray  # height of what is fine: pores, creases, flakes
    sheen: np.ndarray  # strength of the broad highlight that all skin has
    film: np.ndarray  # strength of the sharp highlight of a wet or greasy surface

    @property
    def shape(self) -> tuple[int, int]:
        return self.skin.shape[0], self.skin.shape[1]

    @property
    def unit(self) -> float:
        """Pixels for one unit of x."""
        across = np.hypot(self.x[0, -1] - self.x[0, 0], self.y[0, -1] - self.y[0, 0])
        return float((self.shape[1] - 1) / across)

    def paint(self, alpha: np.ndarray, colour: np.ndarray) -> None:
        """Covers with something that is not skin: hair, an eye, cloth."""
        self.albedo += alpha[..., None] * (colour - self.albedo)
        self.skin *= 1 - alpha

    def stain(self, density: np.ndarray, pigment: np.ndarray) -> None:
        """Adds a pigment, by the Beer-Lambert law."""
        self.albedo *= np.exp(-density[..., None] * pigment)
