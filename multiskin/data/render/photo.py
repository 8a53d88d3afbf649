"""Renders one photo as a pure function of its description: the same bytes in any process."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from multiskin.data.render.camera import draw_camera, shoot
from multiskin.data.render.conditions import CONDITIONS
from multiskin.data.render.faces import Face, face_ground
from multiskin.data.render.geometry import coordinates, draw_pose
from multiskin.data.render.ground import Ground
from multiskin.data.render.light import Light, draw_light, shade, shine
from multiskin.data.render.parts import PARTS
from multiskin.data.render.person import draw_person

SIZE = 160  # pixels, height and width
MILD = 0.5, 3  # factor and exponent of a uniform number: the severity of ungraded conditions, which is mostly mild


@dataclass(frozen=True)
class Shot:
    """Everything that a photo's bytes depend on, and nothing else."""

    seed: int
    person: int
    number: int  # of the person's photos
    part: str
    mirrored: bool
    tone: int  # 0..5 for Fitzpatrick I..VI
    severities: tuple[tuple[str, float], ...]  # of the conditions this part is graded for
    size: int = SIZE
    face: Face | None = None  # the photograph that is drawn on; None for a drawn face


@dataclass(frozen=True)
class Photo:
    pixels: np.ndarray  # (size, size, 3) uint8, RGB
    masks: dict[str, np.ndarray]  # (size, size) float32, 0..1, for each graded condition


def photograph(shot: Shot) -> Photo:
    """Draws the bare face, the conditions on it, the light and the camera."""
    ground, light, masks = draw_scene(shot)
    camera = generator(shot, "camera")
    return Photo(shoot(shade(ground, light), ground.skin, draw_camera(camera), camera), masks)


def draw_scene(shot: Shot) -> tuple[Ground, Light, dict[str, np.ndarray]]:
    """The ground with its conditions, the light for it, and the masks of the graded conditions."""
    light = draw_light(generator(shot, "light"))
    x, y = coordinates(shot.size, draw_pose(generator(shot, "pose"), shot.mirrored))
    ground = draw_ground(shot, x, y)
    ground.regions["gleam"] = shine(ground, light)
    graded, masks = dict(shot.severities), {}
    for name, condition in CONDITIONS.items():
        rng = generator(shot, name)
        ungraded = MILD[0] * rng.random() ** MILD[1]
        mask = condition.draw(ground, graded.get(name, ungraded), rng)
        if name in graded:
            masks[name] = mask
    return ground, light, masks


def draw_ground(shot: Shot, x: np.ndarray, y: np.ndarray) -> Ground:
    """The bare part of the face, drawn or cut from its photograph."""
    if shot.face is not None:
        return face_ground(shot.face, shot.part, x, y, generator(shot, "ground"))
    person = draw_person(np.random.default_rng([shot.seed, shot.person]), shot.tone)
    return PARTS[shot.part](x, y, person, generator(shot, "ground"))


def generator(shot: Shot, purpose: str) -> np.random.Generator:
    """A random generator for one purpose of one photo, so that the draws of one condition do not affect another."""
    return np.random.default_rng([shot.seed, shot.person, shot.number, crc32(purpose.encode())])
