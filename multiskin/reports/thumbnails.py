"""Example photos for a page: which ones, and small enough to stand in it."""

import base64
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from multiskin.data.images import ImageError, read_image
from multiskin.data.validation import photo_path
from multiskin.reports.example_maps import MapPainter
from multiskin.reports.graded import GradedPredictions
from multiskin.schema import MISSING

SIDE = 128  # pixels at most


class Example(NamedTuple):
    """One photo with its grade for one head.

    Attributes:
        row: in the table.
        true: its grade in words.
        predicted: likewise.
        sureness: the probability of the true grade.
        picture: a data URI; None where the photo could not be read.
        map: likewise, with the head's map on it; None where nobody draws maps, too.
    """

    row: str
    true: str
    predicted: str
    sureness: float
    picture: str | None
    map: str | None


class HeadExamples(NamedTuple):
    title: str
    misses: list[Example]
    right: list[Example]


def head_examples(
    predictions: GradedPredictions, photos: Path | None, number: int, paint: MapPainter | None = None
) -> list[HeadExamples]:
    """Each head's worst misses and as many photos that it graded rightly, drawn at random.

    Args:
        predictions: what to choose from.
        photos: the folder that the paths start from; None if it is not known.
        number: how many of each.
        paint: draws the maps of the misses.
    """
    chosen = []
    for h, attribute in enumerate(predictions.schema):
        misses, right = (lines[:number] for lines in (worst_misses(predictions, h), random_hits(predictions, h)))
        examples = [[_example(predictions, h, line, photos) for line in lines.tolist()] for lines in (misses, right)]
        if photos is not None and paint is not None:
            paths = [photo_path(photos, image) for image in predictions.table["image"].iloc[misses]]
            examples[0] = [
                example._replace(map=None if painted is None else data_uri(painted, SIDE))
                for example, painted in zip(examples[0], paint(paths, attribute.name), strict=True)
            ]
        chosen.append(HeadExamples(attribute.title(), *examples))
    return chosen


def worst_misses(predictions: GradedPredictions, head: int) -> np.ndarray:
    """The wrongly graded lines: the furthest off first, of equal ones that of the least probable true grade."""
    grades, decisions = predictions.grades[:, head], predictions.decisions[:, head]
    wrong = np.flatnonzero((grades != MISSING) & (grades != decisions))
    sureness = np.array([probability_of_truth(predictions, head, line) for line in wrong.tolist()])
    distance = np.abs(grades - decisions)[wrong] if predictions.schema.attributes[head].ordinal else 0 * wrong
    return wrong[np.lexsort((sureness, -distance))]


def random_hits(predictions: GradedPredictions, head: int) -> np.ndarray:
    """The rightly graded lines in random order, but each grade once before any comes again."""
    grades = predictions.grades[:, head]
    right = np.random.default_rng(0).permutation(np.flatnonzero(grades == predictions.decisions[:, head]))
    turn = np.empty_like(right)
    for grade in np.unique(grades[right]):
        of_grade = grades[right] == grade
        turn[of_grade] = np.arange(of_grade.sum())
    return right[np.argsort(turn, kind="stable")]


def probability_of_truth(predictions: GradedPredictions, head: int, line: int) -> float:
    """What the model gave the true grade of a line that has one."""
    attribute, grade = predictions.schema.attributes[head], predictions.grades[line, head]
    return float(predictions.table[f"{attribute.name}_p{grade}"].iloc[line])


def _example(predictions: GradedPredictions, head: int, line: int, photos: Path | None) -> Example:
    attribute, cells = predictions.schema.attributes[head], predictions.table.iloc[line]
    return Example(
        cells["row"],
        attribute.grade_label(predictions.grades[line, head]),
        attribute.grade_label(predictions.decisions[line, head]),
        probability_of_truth(predictions, head, line),
        None if photos is None else thumbnail(photo_path(photos, cells["image"])),
        None,
    )


def thumbnail(path: Path) -> str | None:
    """A small JPEG of the upright pixels alone, without EXIF, as a data URI; None if there is no readable photo."""
    try:
        return data_uri(read_image(path), SIDE)
    except ImageError:
        return None


def data_uri(pixels: np.ndarray, longest: int) -> str:
    """A picture (h, w, 3) uint8 as a JPEG, with its longer side so many pixels long at most."""
    image = Image.fromarray(pixels)
    image.thumbnail((longest, longest))
    file = BytesIO()
    image.save(file, "JPEG", quality=80, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
