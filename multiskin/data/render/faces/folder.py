"""Reads a folder of photographed faces: faces.csv has their subjects, landmarks.json their landmarks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from multiskin.data.images import read_image
from multiskin.data.render.faces.landmarks import ANCHORS, POINTS, TEMPLATE
from multiskin.data.render.faces.tone import tone_of
from multiskin.data.render.faces.warp import fit_similarity
from multiskin.data.table import read_table, shown
from multiskin.errors import UserError

TABLE, LANDMARKS = "faces.csv", "landmarks.json"
SMALLEST = 10  # pixels for a unit of the face, half the distance of its pupils
FARTHEST = 0.5  # root mean square distance of landmarks from an average face, in units: people are within 0.25


@dataclass(frozen=True)
class Face:
    """A frontal photograph of a face with its mouth shut."""

    subject: str
    image: Path
    landmarks: tuple[tuple[float, float], ...]  # x and y in pixels, by the numbering of faces.landmarks
    tone: int  # 0..5 for Fitzpatrick I..VI


def load_faces(folder: Path) -> list[Face]:
    """The faces in a folder that have landmarks, sorted by the names of their photos.

    The folder holds faces.csv, with at least the columns image and subject, and landmarks.json, which maps a photo's
    path, relative to the folder, to its 189 points [x, y]. Rows of the table without landmarks are left out.

    Raises:
        UserError: a missing or malformed file, or landmarks that are not those of a frontal face.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give the one that holds {TABLE} and {LANDMARKS}")
    subjects, landmarks = _read_subjects(folder / TABLE), _read_landmarks(folder / LANDMARKS)
    strange = sorted(landmarks.keys() - subjects.keys())
    if strange:
        raise UserError(f"{folder / LANDMARKS}: photo {shown(strange[0])} is not in {TABLE}; add a row for it")
    faces = [_face(folder, name, subjects[name], landmarks[name]) for name in sorted(landmarks)]
    _check_apart(faces)
    return faces


def _check_apart(faces: Sequence[Face]) -> None:
    """Makes sure that no two subjects have the same picture, which could then be on two sides of the split."""
    first: dict[bytes, Face] = {}
    for face in faces:
        other = first.setdefault(sha256(face.image.read_bytes()).digest(), face)
        if other.subject != face.subject:
            raise UserError(
                f"{face.image}: the same picture as {other.image.name}, of subject {shown(other.subject)} and not "
                f"{shown(face.subject)}; keep one"
            )


def _read_subjects(path: Path) -> dict[str, str]:
    """The subject of each photo."""
    table = read_table(path)
    if table.problems:
        raise UserError(f"{path}: {table.problems[0]}")
    for column in ("image", "subject"):
        if column not in table.cells:
            raise UserError(f"{path}: no column {column}; its columns are {', '.join(map(shown, table.cells.columns))}")
    subjects: dict[str, str] = {}
    for row, image, subject in table.cells[["image", "subject"]].itertuples():
        if not image or not subject:
            raise UserError(f"{path}: row {row}: no {'subject' if image else 'image'}; fill it in or remove the row")
        if image in subjects:
            raise UserError(f"{path}: row {row}: image {shown(image)} occurs twice; remove one")
        subjects[image] = subject
    return subjects


def _read_landmarks(path: Path) -> dict[str, Any]:
    try:
        landmarks = json.loads(path.read_bytes())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"{path}: {reason}; add this file, which maps photos to their landmarks") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error}); restore the file") from error
    if not isinstance(landmarks, dict) or not landmarks:
        raise UserError(f"{path}: no face in it; give an object of photo: {POINTS} points [x, y]")
    return landmarks


def _face(folder: Path, name: str, subject: str, points: Any) -> Face:
    place = f"{folder / LANDMARKS}: {shown(name)}"
    if Path(name).anchor or ".." in Path(name).parts:
        raise UserError(f"{place}: leads out of the folder; give paths relative to it")
    pixels = read_image(folder / name)
    landmarks = _as_points(points, place)
    height, width = pixels.shape[:2]
    outside = np.flatnonzero(((landmarks < 0) | (landmarks > [width - 1, height - 1])).any(axis=1))
    if len(outside):
        number = int(outside[0])
        x, y = landmarks[number]
        raise UserError(
            f"{place}: point {number} at ({x:.6g}, {y:.6g}) is outside the photo of {width} x {height} pixels; "
            "give landmarks of this very file"
        )
    _check_arrangement(landmarks, place)
    return Face(subject, folder / name, tuple(map(tuple, landmarks.tolist())), tone_of(pixels, landmarks))


def _as_points(points: Any, place: str) -> np.ndarray:
    """(POINTS, 2) finite numbers."""
    try:
        array = np.array(points, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        array = np.empty(0)
    if array.shape != (POINTS, 2) or not np.isfinite(array).all():
        found = f"{len(points)} entries" if isinstance(points, list) else shown(str(points))
        raise UserError(f"{place}: {found}; give {POINTS} points [x, y] of finite numbers")
    return array


def _check_arrangement(landmarks: np.ndarray, place: str) -> None:
    """Makes sure that the landmarks lie like those of a frontal face, in the right order and not mirrored."""
    anchors = landmarks[ANCHORS]
    unit = float(np.sqrt(anchors.var(axis=0).sum() / TEMPLATE.var(axis=0).sum()))
    if unit < SMALLEST:
        raise UserError(f"{place}: the face is {4 * unit:.0f} pixels wide; give one of {4 * SMALLEST} pixels or more")
    there = np.stack(fit_similarity(TEMPLATE, anchors)(*TEMPLATE.T), axis=1)
    if np.sqrt(((there - anchors) ** 2).sum(axis=1).mean()) > FARTHEST * unit:
        raise UserError(f"{place}: the points do not lie as on a frontal face; number them as the London Set does")
