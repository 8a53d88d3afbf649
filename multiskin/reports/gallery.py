"""A folder of explained photos: a PNG for each, and HTML pages that show them."""

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
from multiskin.reports.figures import drawable_text
from multiskin.reports.graded import GradedPredictions
from multiskin.reports.html import write_page
from multiskin.reports.sheets import draw_sheet
from multiskin.reports.thumbnails import data_uri, worst_misses

PAGE = "index.html"  # the first page
ON_A_PAGE = 100  # pictures: about ten megabytes of previews for the browser, and for the process that writes them
LONGEST = 40  # characters of a file's name that are kept
PREVIEW = 960  # pixels of the longer side


class Wanted(NamedTuple):
    """A picture to make.

    Attributes:
        section: the section of the page that it belongs to.
        path: the photo.
        heads: the attributes to show.
        true: the true grade by attribute, where it is known.
    """

    section: str
    path: Path
    heads: Sequence[str]
    true: Mapping[str, int]


class Shown(NamedTuple):
    """A finished picture, as the page shows it."""

    title: str
    file: str
    preview: str  # a data URI


def worst_errors(predictions: GradedPredictions, names: Sequence[str], number: int, root: Path) -> list[Wanted]:
    """Each head's worst errors: the furthest off first, then those with the lowest probability for the true grade.

    Args:
        predictions: the predictions on graded photos.
        names: the heads.
        number: at most how many for each head.
        root: the folder that the photos' paths are relative to.
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
    """Writes a PNG for each photo as it arrives, and pages of ON_A_PAGE pictures; no metadata of a photo is kept.

    Args:
        folder: the folder to write to.
        wanted: the pictures to make.
        photos: the explained photos, in the same order.
        look: how maps are shown.
        progress: called with (photos done, all photos) after each photo.

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
    """Writes the picture of a photo."""
    file = f"{number:04}-{safe_name(want.path)}.png"
    _draw(folder / file, want, photo, look)
    return Shown(shown_name(want.path), file, _preview(folder / file))


def _draw(path: Path, want: Wanted, photo: ExplainedPhoto, look: Look) -> None:
    if len(photo.explanations) > 1:
        rows = several_models(photo, want.heads, want.true, look)
    else:
        rows = one_model(photo, drawable_text(shown_name(want.path), "photo"), want.heads, want.true, look)
    draw_sheet(path, rows, look.colours)


def safe_name(path: Path) -> str:
    """A photo's name without its extension, reduced to letters and digits of any script, underscores and hyphens."""
    return re.sub(r"[^\w-]+", "_", path.stem)[:LONGEST]


def shown_name(path: Path) -> str:
    """A photo's name, shortened and without control characters, for pictures and pages."""
    name = printable(path.name)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 12]}…{name[-11:]}"


def printable(text: str) -> str:
    """The text with every character that cannot be printed replaced, such as line breaks and lone surrogates."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _preview(path: Path) -> str:
    """A smaller version of a picture written here, as a data URI."""
    with Image.open(path) as picture:
        return data_uri(np.asarray(picture.convert("RGB")), PREVIEW)
