"""Cuts one part of a photographed face as ground: with the form of an average face, and its light removed."""

from dataclasses import dataclass

import cv2
import numpy as np

from multiskin.data.render.faces import anatomy
from multiskin.data.render.faces.folder import Face
from multiskin.data.render.faces.landmarks import ANCHORS, TEMPLATE
from multiskin.data.render.faces.sheet import Sheet, sheet_of
from multiskin.data.render.faces.warp import Similarity, fit_similarity
from multiskin.data.render.ground import Ground
from multiskin.data.render.light import Light, irradiance
from multiskin.data.render.noise import smooth
from multiskin.data.render.skin import PORE_CELLS

STUDIO = Light((0.0, -0.38, 0.925), key=0.65, fill=0.60)  # the soft frontal light that portraits are taken in
PORES = 0.0006  # the photograph has its own; this much makes a greasy film sparkle


@dataclass(frozen=True)
class Cut:
    """A square window on the face, and where it lies in the coordinates that a drawn part has; x to the ear."""

    centre: tuple[float, float]  # in the face's own units
    half: float
    across: tuple[float, float]  # a part's x is slope * x + offset
    down: tuple[float, float]


# The slopes and offsets take eyes, nostrils, mouth, brows, hairline and jaw to where the modules of `parts` draw them.
CUTS = {
    "side": Cut((1.40, 1.15), 1.40, (0.81, -1.65), (0.60, -0.58)),
    "forehead": Cut((0.0, -1.50), 1.35, (0.64, 0.0), (0.83, 1.29)),
    "centre": Cut((0.0, 0.62), 1.50, (0.62, 0.0), (0.80, -0.60)),
    "chin": Cut((0.0, 2.72), 1.40, (0.69, 0.0), (0.80, -2.13)),
}


def face_ground(face: Face, part: str, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Ground:
    """One part of a face, like the functions of `parts`.

    If x runs to the left, as in a mirrored pose, the part is cut from the other half of the face, with x towards the
    ear again: the photo shows the person's other cheek, not a mirror image.

    Args:
        face: the photographed face.
        part: one of CUTS.
        x: coordinates in the window of the part, -1..1 over the photo whatever the pose, (h, w).
        y: the same, downwards.
        rng: random numbers for the pores that the photograph is too coarse to show.

    Raises:
        UserError: the photo can no longer be read.
    """
    sheet, cut = sheet_of(face), CUTS[part]
    side = 1.0 if x[0, -1] > x[0, 0] else -1.0
    window = _place(sheet, cut, side)
    right, down = window(side * (cut.centre[0] + cut.half * x), cut.centre[1] + cut.half * y)
    face_x, face_y = (c.astype(np.float32) for c in sheet.spline(*sheet.upright(right, down)))
    skin, lips, solid = np.moveaxis(_sample(sheet.masks, right, down), -1, 0)
    nothing = np.zeros(x.shape, np.float32)
    ground = Ground(
        part=part,
        x=side * cut.across[0] * face_x + cut.across[1],
        y=cut.down[0] * face_y + cut.down[1],
        skin=skin.copy(),
        regions=anatomy.regions(face_x, face_y) | {"lips": lips.copy()},
        albedo=_sample(sheet.light, right, down),
        form=anatomy.form(face_x, face_y).astype(np.float32),
        solid=solid.copy(),
        relief=PORES * skin * smooth(rng, x.shape, PORE_CELLS),
        sheen=nothing,
        film=nothing.copy(),
    )
    pitch = np.hypot(right[0, 1] - right[0, 0], down[0, 1] - down[0, 0])  # pixels of the sheet for one of the ground
    ground.form *= abs(window.factor) / pitch / ground.unit
    ground.albedo /= irradiance(ground, STUDIO)
    return ground


def _place(sheet: Sheet, cut: Cut, side: float) -> Similarity:
    """Where the window lies on the sheet: by the landmarks in it, so that nobody's hairline or chin falls outside."""
    inside = (np.abs(TEMPLATE - np.array([side, 1]) * cut.centre) < 1.1 * cut.half).all(axis=1)
    return fit_similarity(TEMPLATE[inside], sheet.landmarks[ANCHORS[inside]])


def _sample(layer: np.ndarray, right: np.ndarray, down: np.ndarray) -> np.ndarray:
    """A layer (h, w, 3) at pixels of the sheet, blurred first where that would skip some of its pixels."""
    pitch = float(np.hypot(right[0, 1] - right[0, 0], down[0, 1] - down[0, 0]))
    if pitch > 1:
        layer = cv2.GaussianBlur(layer, (0, 0), 0.5 * np.sqrt(pitch**2 - 1) + 0.1)
    maps = right.astype(np.float32), down.astype(np.float32)
    sampled = cv2.remap(layer, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(sampled, 0, 1)
