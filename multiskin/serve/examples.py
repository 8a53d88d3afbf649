"""Drawn example pictures to try the demo with; they show no real person."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2

from multiskin.data.render.photo import Shot, photograph
from multiskin.data.render.plan import plan_shots
from multiskin.run import atomic_path

SEED, PERSONS = 7, range(6)  # one person of each skin tone
SHOWN = (1, 3, 4)  # persons shown: of different tones, with pronounced conditions
SIZE = 320  # pixels
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 92]


class Example(NamedTuple):
    """One drawn photo.

    Attributes:
        person: the number of the person, from 0.
        part: the part of the face, as named by the renderer.
        path: the JPEG file.
    """

    person: int
    part: str
    path: Path


def example_pictures(folder: Path) -> list[Example]:
    """Photos of all parts of a few drawn persons; drawn on the first call, which takes seconds, and cached.

    Args:
        folder: the folder to cache them in.

    Raises:
        OSError: the folder is not writable, or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shots = plan_shots(SEED, PERSONS, evenness=1, size=SIZE)
    return [
        Example(number, shot.part, _drawn(shot, folder / f"{person}-{shot.number}.jpg"))
        for number, person in enumerate(SHOWN)
        for shot in shots
        if shot.person == person
    ]


def _drawn(shot: Shot, path: Path) -> Path:
    if not path.exists():
        _, encoded = cv2.imencode(".jpg", photograph(shot).pixels[..., ::-1], QUALITY)  # OpenCV's order is BGR
        with atomic_path(path) as part:
            part.write_bytes(encoded.tobytes())
    return path


def of_person(examples: Sequence[Example], person: int) -> list[Example]:
    return [example for example in examples if example.person == person]
