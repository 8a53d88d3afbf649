"""Checks of a table of photos and grades; each function returns all problems of one kind."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import NamedTuple
from unicodedata import normalize

import numpy as np
import pandas as pd

from multiskin.config import Columns
from multiskin.data.crops import parse_name
from multiskin.data.images import ImageError, outside, read_image
from multiskin.data.table import Problem, shown
from multiskin.errors import UserError
from multiskin.schema import MISSING, Attribute, Schema

Progress = Callable[[int, int], None]  # (done, total)

SIDES = ("train", "val", "test", "calibrate")  # the last one is optional
SPELLINGS = {side: side for side in SIDES} | {
    "training": "train",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "testing": "test",
    "calibration": "calibrate",
}


def check_columns(headings: list[str], schema: Schema, columns: Columns) -> list[Problem]:
    """Headings that are required but missing, that are unknown, or that are both required and ignored."""
    wanted = {attribute.heading: f"attribute {attribute.name} is read from it" for attribute in schema}
    named = {"image": columns.image, "split": columns.split, "subject": columns.subject, "part": columns.part}
    wanted |= {heading: f"data.columns.{option} names it" for option, heading in named.items() if heading is not None}
    wanted |= dict.fromkeys(columns.box or (), "data.columns.box names it")
    wanted |= dict.fromkeys(columns.groups, "data.columns.groups names it")
    second = second_headings(schema, columns.second_rater)
    present = [heading for heading in second if heading in headings]  # not every attribute has to be graded twice
    wanted |= dict.fromkeys(present or second, f"data.columns.second_rater, {columns.second_rater}, names it")
    missing = [heading for heading in wanted if heading not in headings]
    extra = [heading for heading in headings if heading not in wanted and heading not in columns.ignore]
    add, ignore = "correct the name or add the column", "correct the heading or add it to data.columns.ignore"
    problems = [_misnamed(name, f"not in the table, but {wanted[name]}", extra, add) for name in missing]
    problems += [
        _misnamed(name, "neither an attribute nor named under data.columns", missing, ignore) for name in extra
    ]
    both = [heading for heading in columns.ignore if heading in wanted]
    return problems + [Problem(f"in data.columns.ignore, but {wanted[name]}; choose one", column=name) for name in both]


def second_headings(schema: Schema, pattern: str | None) -> list[str]:
    """The headings of a second rater's grades; empty if there is no second rater."""
    return [] if pattern is None else [_heading(attribute, pattern) for attribute in schema]


def _heading(attribute: Attribute, pattern: str) -> str:
    return pattern.replace("{}", attribute.heading)


def _misnamed(name: str, found: str, candidates: list[str], remedy: str) -> Problem:
    near = get_close_matches(name, candidates, n=1)
    hint = f"did you mean {shown(near[0])}? " if near else ""
    return Problem(f"{found}; {hint}{remedy}", column=name)


def read_grades(cells: pd.DataFrame, schema: Schema, pattern: str = "{}") -> tuple[np.ndarray, list[Problem]]:
    """The grades (N, H) of every attribute, -1 where blank or invalid, and the problems with invalid ones.

    Args:
        cells: the table.
        schema: the attributes.
        pattern: pattern of the headings, with {} for that of the attribute.
    """
    grades = np.full((len(cells), len(schema)), MISSING, dtype=np.int64)
    problems = []
    for h, attribute in enumerate(schema):
        heading = _heading(attribute, pattern)
        if heading not in cells:
            continue
        column = cells[heading].tolist()
        spellings = grade_spellings(attribute) | {"": MISSING}
        read = [spellings.get(numeral(cell)) for cell in column]
        grades[:, h] = [MISSING if grade is None else grade for grade in read]
        remedy = f"is not a grade ({_choices(attribute)}); correct it, or leave it blank if it was not graded"
        problems += [
            Problem(f"{shown(cell)} {remedy}", row, heading)
            for row, cell, grade in zip(cells.index.tolist(), column, read, strict=True)
            if grade is None
        ]
    return grades, problems


def grade_spellings(attribute: Attribute) -> dict[str, int]:
    """The grade for each valid cell: by its name, and by its number unless the names are numbers themselves.

    Raises:
        UserError: two names that are the same in a table, such as 1 and 01, so that one grade would never be read.
    """
    names: dict[str, int] = {}
    for grade, name in enumerate(attribute.grade_names):
        first = names.setdefault(numeral(name.strip()), grade)
        if first != grade:
            both = f"{attribute.grade_names[first]!r} and {name!r}"
            raise UserError(
                f"schema: attribute {attribute.name!r}: grade_names {both} are the same in a table; rename one"
            )
    numbers = {} if _named_by_numbers(attribute) else {str(grade): grade for grade in range(attribute.grades)}
    return numbers | names


def _choices(attribute: Attribute) -> str:
    names, numbers = ", ".join(attribute.grade_names), f"0..{attribute.grades - 1}"
    if _named_by_numbers(attribute):
        return names
    return f"{names} or {numbers}" if names else numbers


def _named_by_numbers(attribute: Attribute) -> bool:
    """Whether grades are named by numbers, such as 1..5: then a 1 in the table is the name of grade 0, not grade 1."""
    return any(numeral(name.strip()).isdecimal() for name in attribute.grade_names)


def numeral(text: str) -> str:
    """A whole number in its simplest form, 3 for 3.0 or 03; other text unchanged."""
    whole, _, decimals = text.partition(".")
    if whole.isascii() and whole.isdecimal() and not decimals.strip("0"):
        return whole.lstrip("0") or "0"
    return text


def read_split(cells: pd.DataFrame, heading: str) -> tuple[np.ndarray, list[Problem]]:
    """The side (N,) of every row, "" where blank or invalid, and the problems with such rows."""
    column = cells[heading].tolist()
    split = np.array([SPELLINGS.get(cell.lower(), "") for cell in column], dtype=np.array(SIDES).dtype)
    remedy = f"write {', '.join(SIDES[:-1])} or {SIDES[-1]}"
    problems = [
        Problem(f"{shown(cell)} is not a side of the split; {remedy}" if cell else f"blank; {remedy}", row, heading)
        for row, cell, side in zip(cells.index.tolist(), column, split, strict=True)
        if not side
    ]
    return split, problems


def check_subjects(cells: pd.DataFrame, heading: str, split: np.ndarray) -> list[Problem]:
    """Rows that are on a different side of the split than the first row of their subject."""
    problems = []
    first: dict[str, tuple[str, int]] = {}  # subject -> the side and number of its first row
    for row, subject, side in zip(cells.index.tolist(), cells[heading].tolist(), split.tolist(), strict=True):
        if not (subject and side):
            continue
        first_side, first_row = first.setdefault(subject, (side, row))
        if side != first_side:
            message = f"subject {shown(subject)} is in {side} here and in {first_side} in row {first_row}"
            problems.append(Problem(f"{message}; keep all photos of a subject on one side", row, heading))
    return problems


def photo_path(root: Path, cell: str) -> Path:
    """The path of a photo; tables written on Windows have backslashes."""
    path = root
    for name in PurePath(cell.replace("\\", "/")).parts:
        path /= _name_in(path, name)
    return path


def _name_in(folder: Path, name: str) -> str:
    """A name as the folder has it: Macs decompose accented letters and Korean syllables, which others compose."""
    forms = () if name.isascii() else (name, normalize("NFC", name), normalize("NFD", name))
    return next((form for form in forms if os.path.exists(folder / parse_name(form)[0])), name)


def check_photos(
    cells: pd.DataFrame, heading: str, root: Path, grades: np.ndarray, progress: Progress | None
) -> list[Problem]:
    """Rows without a readable photo, and rows whose picture is identical, byte for byte, to that of a row above."""
    rows, paths = cells.index.tolist(), cells[heading].tolist()
    photos = list(dict.fromkeys(parse_name(path)[0] for path in paths if path))  # each is decoded once
    wholes = dict(zip(photos, _inspect_all([photo_path(root, photo) for photo in photos], progress), strict=True))
    problems = []
    first: dict[str, int] = {}  # identity of a picture -> the first position that has it
    for position, (row, path) in enumerate(zip(rows, paths, strict=True)):
        finding = _finding(path, root, wholes)
        if isinstance(finding, ImageError):
            problems.append(Problem(" ".join(str(finding).split()), row, heading))
        elif (other := first.setdefault(finding, position)) != position:
            differ = ", with other grades" if (grades[position] != grades[other]).any() else ""
            place = f"row {rows[other]} ({shown(paths[other])})"
            problems.append(Problem(f"the same picture as {place}{differ}; keep one row per photo", row, heading))
    return problems


class _Whole(NamedTuple):
    """The digest and size of a readable photo."""

    digest: str
    height: int
    width: int


def _finding(path: str, root: Path, wholes: Mapping[str, _Whole | ImageError]) -> str | ImageError:
    """A key that identifies the picture of a row, or the reason why there is none."""
    if not path:
        return ImageError("blank; give the photo's path, or remove the row")
    photo, box = parse_name(path)
    whole = wholes[photo]
    if isinstance(whole, ImageError) or box is None:
        return whole if isinstance(whole, ImageError) else whole.digest
    inside = box.within(whole.height, whole.width)
    if inside is None:
        return outside(str(photo_path(root, path)), whole.height, whole.width)
    return f"{whole.digest} {inside}"


def _inspect_all(paths: list[Path], progress: Progress | None) -> Iterator[_Whole | ImageError]:
    pool = ThreadPoolExecutor()  # decoding releases the GIL
    try:
        for done, finding in enumerate(pool.map(_inspect, paths), start=1):
            if progress is not None:
                progress(done, len(paths))
            yield finding
    finally:
        pool.shutdown(cancel_futures=True)  # on an interrupt, skip the remaining photos


def _inspect(path: Path) -> _Whole | ImageError:
    """The digest and size of a photo, or why it cannot be read."""
    try:
        height, width = read_image(path).shape[:2]
        with path.open("rb") as file:
            return _Whole(hashlib.file_digest(file, "blake2b").hexdigest(), height, width)
    except ImageError as error:
        return error
