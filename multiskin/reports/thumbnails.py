"""Example photos for a page: which ones to show, as small embedded pictures."""

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

SIDE = 128  # pixels of the longer side at most


class Example(NamedTuple):
    """One photo with its grade for one head.

    Attributes:
        row: its row in the table.
        true: the label of its true grade.
        predicted: the label of the predicted grade.
        p_true: the predicted probability of the true grade.
        picture: a data URI; None if the photo could not be read.
        map: a data URI of the photo with the head's map on it; None if there is none.
    """

    row: str
    true: str
    predicted: str
    p_true: float
    picture: str | None
    map: str | None


class HeadExamples(NamedTuple):
    """Photos that show where one head is wrong and where it is right."""

    title: str
    errors: list[Example]
    correct: list[Example]


def head_examples(
    predictions: GradedPredictions, photos: Path | None, number: int, paint: MapPainter | None = None
) -> list[HeadExamples]:
    """Each head's worst errors and as many correct predictions, drawn at random.

    Args:
        predictions: the predictions to choose from.
        photos: the folder that the photos' paths are relative to; None if it is not known.
        number: at most how many of each.
        paint: draws the maps of the errors.
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
    """The wrongly predicted rows: the furthest off first, then those with the least probable true grade."""
    grades, decisions = predictions.grades[:, head], predictions.decisions[:, head]
    wrong = np.flatnonzero((grades != MISSING) & (grades != decisions))
    p_true = np.array([probability_of_truth(predictions, head, line) for line in wrong.tolist()])
    distance = np.abs(grades - decisions)[wrong] if predictions.schema.attributes[head].ordinal else 0 * wrong
    return wrong[np.lexsort((p_true, -distance))]


def random_hits(predictions: GradedPredictions, head: int) -> np.ndarray:
    """The correctly predicted rows in random order, but with every grade once before any is repeated."""
    grades = predictions.grades[:, head]
    right = np.random.default_rng(0).permutation(np.flatnonzero(grades == predictions.decisions[:, head]))
    turn = np.empty_like(right)
    for grade in np.unique(grades[right]):
        of_grade = grades[right] == grade
        turn[of_grade] = np.arange(of_grade.sum())
    return right[np.argsort(turn, kind="stable")]


def probability_of_truth(predictions: GradedPredictions, head: int, line: int) -> float:
    """The predicted probability of the true grade, for a row that has one."""
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
    """A small upright JPEG without EXIF data, as a data URI; None if the photo cannot be read."""
    try:
        return data_uri(read_image(path), SIDE)
    except ImageError:
        return None


def data_uri(pixels: np.ndarray, longest: int) -> str:
    """A picture (h, w, 3) uint8 as a JPEG data URI, its longer side at most `longest` pixels."""
    image = Image.fromarray(pixels)
    image.thumbnail((longest, longest))
    file = BytesIO()
    image.save(file, "JPEG", quality=80, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
