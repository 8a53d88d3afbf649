"""A folder of explained photos: a picture of each, and pages that show them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from multiskin.data.validation import Progress, photo_path
from multiskin.explain.photos import ExplainedPhoto, UnreadPhoto
from multiskin.reports.explained import Look, one_model, several_models
from multiskin.reports.figures import drawn_words
from multiskin.reports.graded import GradedPredictions
from multiskin.reports.html import write_page
from multiskin.reports.sheets import draw_sheet
from multiskin.reports.thumbnails import data_uri, worst_misses

PAGE = "index.html"  # the first one
ON_A_PAGE = 100  # pictures, so that a browser, and who writes the page, holds some ten megabytes of them
LONGEST = 40  # letters of a file's name that are kept
PREVIEW = 960  # pixels of the longer side


class Wanted(NamedTuple):
    """A picture to be made.

    Attributes:
        section: of the page, under which it stands.
        path: the photo's.
        heads: the attributes shown.
        true: the true grade, by attribute, where it is known.
    """

    section: str
    path: Path
    heads: Sequence[str]
    true: Mapping[str, int]


class Shown(NamedTuple):
    """A picture that was made, as the page shows it."""

    title: str
    file: str
    preview: str  # a data URI


def worst_errors(predictions: GradedPredictions, names: Sequence[str], number: int, root: Path) -> list[Wanted]:
    """Each head's worst errors: the furthest off, of equal ones those that it was surest of.

    Args:
        predictions: on graded photos.
        names: the heads.
        number: how many of each at most.
        root: the folder that the photos' paths start from.
    """
    wanted = []
    for name in names:
        head = predictions.schema.index(name)
        for line in worst_misses(predictions, head)[:number].tolist():
            true = int(predictions.grades[line, head])
            path = photo_path(root, predictions.table["image"].iloc[line])
            wanted.append(Wanted(f"{predictions.schema[name].title()}: worst errors", path, [name], {name: true}))
    return wanted


def write_gallery(
    folder: Path,
    wanted: Sequence[Wanted],
    photos: Iterable[ExplainedPhoto | UnreadPhoto],
    look: Look,
    progress: Progress,
) -> list[UnreadPhoto]:
    """Writes a PNG for each photo as it comes, and pages of so many; nothing of a photo but its pixels is kept.

    Args:
        folder: where to.
        wanted: what is to be made.
        photos: explained, in the same order.
        look: how maps are shown.
        progress: called with (photos done, photos) after each.

    Returns:
        The photos that could not be read.
    """
    arriving = enumerate(zip(wanted, photos, strict=True), start=1)
    pages = [PAGE, *(f"index-{page}.html" for page in range(2, -(-len(wanted) // ON_A_PAGE) + 1))]
    unread = []
    for page in pages:
        sections: dict[str, list[Shown]] = {}
        errors: list[str] = []
        for number, (want, photo) in islice(arriving, ON_A_PAGE):
            if isinstance(photo, UnreadPhoto):
                unread.append(photo)
                errors.append(f"{shown_name(want.path)}: {printable(photo.reason)}")
            else:
                sections.setdefault(want.section, []).append(_picture(folder, number, want, photo, look))
            progress(number, len(wanted))
        content = {"sections": sections, "errors": errors, "look": look, "pages": pages, "page": page}
        write_page(folder / page, "explained", content)
    return unread


def _picture(folder: Path, number: int, want: Wanted, photo: ExplainedPhoto, look: Look) -> Shown:
    """Writes a photo's picture."""
    file = f"{number:04}-{safe_name(want.path)}.png"
    _draw(folder / file, want, photo, look)
    return Shown(shown_name(want.path), file, _preview(folder / file))


def _draw(path: Path, want: Wanted, photo: ExplainedPhoto, look: Look) -> None:
    if len(photo.explanations) > 1:
        rows = several_models(photo, want.heads, want.true, look)
    else:
        rows = one_model(photo, drawn_words(shown_name(want.path), "photo"), want.heads, want.true, look)
    draw_sheet(path, rows, look.colours)


def safe_name(path: Path) -> str:
    """A photo's name without its ending, of letters and digits of any language, underscores and hyphens alone."""
    return re.sub(r"[^\w-]+", "_", path.stem)[:LONGEST]


def shown_name(path: Path) -> str:
    """A photo's name as a picture and a page can show it."""
    name = printable(path.name)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 12]}…{name[-11:]}"


def printable(text: str) -> str:
    """On one line, without control characters and what is no text in any encoding."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _preview(path: Path) -> str:
    """A picture of ours, smaller, as a data URI."""
    with Image.open(path) as picture:
        return data_uri(np.asarray(picture.convert("RGB")), PREVIEW)
