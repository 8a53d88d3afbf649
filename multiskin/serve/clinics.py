"""The list of clinics, given by whoever runs the demo."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from multiskin.data.table import Problem, csv_lines, shown
from multiskin.errors import UserError

REQUIRED = ("name", "latitude", "longitude", "phone")
COLUMNS = (*REQUIRED, "address", "url")
ENCODINGS = ("utf-8-sig", "cp949")  # the second is what Korean spreadsheet programs write
LISTED = 50  # problems listed in an error message
PHONE = re.compile(r"\+?[\d\s().-]*\d[\d\s().-]*", re.ASCII)

Row = tuple[int, dict[str, str]]  # row number in the file, and cells by heading


class Place(NamedTuple):
    """A point on the earth (WGS 84), in degrees north and east."""

    latitude: float
    longitude: float

    @property
    def on_earth(self) -> bool:
        return -90 <= self.latitude <= 90 and -180 <= self.longitude <= 180


@dataclass(frozen=True)
class Clinic:
    """A clinic.

    Attributes:
        name: its name.
        place: its location.
        phone: its phone number as people write it; "" if unknown.
        address: its postal address; "" if unknown.
        url: its website, http or https; "" if unknown.
    """

    name: str
    place: Place
    phone: str = ""
    address: str = ""
    url: str = ""

    @property
    def dialled(self) -> str:
        """The number for a tel: link (RFC 3966)."""
        return re.sub(r"[^\d+]", "", self.phone)

    def to_dict(self) -> dict[str, Any]:
        reached = {"phone": self.phone, "address": self.address, "url": self.url}
        return {"name": self.name} | self.place._asdict() | reached


def read_clinics(path: Path) -> tuple[Clinic, ...]:
    """Reads clinics from a CSV file in UTF-8 or CP949: name, latitude, longitude, phone, and optional address and url.

    Raises:
        UserError: there is no such file, a column is missing, or rows are invalid; the message lists all of them.
    """
    rows, problems = _rows(path)
    clinics: dict[tuple[str, Place], tuple[int, Clinic]] = {}
    for row, cells in rows:
        wrong = list(_problems(row, cells))
        problems += wrong
        if not wrong:
            clinic = _clinic(cells)
            first, _ = clinics.setdefault((clinic.name.casefold(), clinic.place), (row, clinic))
            if first != row:
                problems.append(Problem(f"the same clinic as in row {first}; remove one of them", row))
    if problems:
        raise UserError(_listed(path, sorted(problems, key=lambda problem: problem.row or 0)))
    if not clinics:
        raise UserError(f"--clinics {path}: no rows below the headings; give one for each clinic")
    return tuple(clinic for _, clinic in clinics.values())


def _rows(path: Path) -> tuple[list[Row], list[Problem]]:
    """All non-blank rows below the headings that have as many cells, and a problem for each of the others."""
    where = f"--clinics {path}"
    lines = csv_lines(_text_of(path), where)
    headings = lines[0][1] if lines else []
    _check_headings(headings, where)
    width = len(headings)
    ragged = f"{{}} cells for {width} headings; put cells that contain commas in quotes, and leave out no cell"
    problems = [Problem(ragged.format(len(cells)), row) for row, cells in lines if not _fits(cells, width)]
    fitting = [(row, cells[:width]) for row, cells in lines[1:] if _fits(cells, width)]
    return [(row, dict(zip(headings, cells, strict=True))) for row, cells in fitting], problems


def _fits(cells: Sequence[str], width: int) -> bool:
    """Whether a row has a cell for each heading; more are fine if blank, since spreadsheet programs append them."""
    return len(cells) >= width and not any(cells[width:])


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"--clinics {path}: {error.strerror}; name a CSV file of clinics") from error
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(f"--clinics {path}: neither UTF-8 nor CP949; in Excel, save it as 'CSV UTF-8'")


def _check_headings(headings: Sequence[str], where: str) -> None:
    for heading in headings:
        if heading and headings.count(heading) > 1:
            raise UserError(f"{where}: duplicate heading {shown(heading)}; rename or remove one")
    missing = [column for column in REQUIRED if column not in headings]
    if missing:
        found = ", ".join(shown(heading) for heading in headings) or "none"
        raise UserError(
            f"{where}: no column {', '.join(missing)} among the headings (found {found}); give {', '.join(REQUIRED)}, "
            "and optionally address and url, separated by commas"
        )


def _problems(row: int, cells: Mapping[str, str]) -> Iterator[Problem]:
    if not cells["name"]:
        yield Problem("blank; give the clinic's name", row, "name")
    for column, limit in (("latitude", 90), ("longitude", 180)):
        if reason := _why_no_degrees(cells[column], limit):
            yield Problem(reason, row, column)
    if cells["phone"] and not PHONE.fullmatch(cells["phone"]):
        yield Problem(f"{shown(cells['phone'])} is not a phone number; give digits, such as 02-123-4567", row, "phone")
    if cells.get("url") and not _is_web_address(cells["url"]):
        yield Problem(f"{shown(cells['url'])} is not a web address; begin with https://", row, "url")


def _why_no_degrees(text: str, limit: int) -> str:
    if not text:
        return f"blank; give degrees between -{limit} and {limit}"
    try:
        degrees = float(text)
    except ValueError:
        return f"{shown(text)} is not a number; give degrees with a decimal point, such as 37.5665"
    if not -limit <= degrees <= limit:  # also catches NaN
        return f"{shown(text)} is not between -{limit} and {limit}; is it latitude first, then longitude?"
    return ""


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s\x00-\x1f]", text)


def _clinic(cells: Mapping[str, str]) -> Clinic:
    place = Place(float(cells["latitude"]), float(cells["longitude"]))
    return Clinic(cells["name"], place, cells["phone"], cells.get("address", ""), cells.get("url", ""))


def _listed(path: Path, problems: Sequence[Problem]) -> str:
    count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
    lines = [f"--clinics {path}: {count}; correct the list", *(f"{path}: {problem}" for problem in problems[:LISTED])]
    if len(problems) > LISTED:
        lines.append(f"... and {len(problems) - LISTED} more")
    return "\n".join(lines)
