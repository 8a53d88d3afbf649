"""Where to see a doctor: the list of clinics that whoever runs the demo gives."""

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
ENCODINGS = ("utf-8-sig", "cp949")  # the second is what Korean spreadsheets write
LISTED = 50  # problems that a message spells out
PHONE = re.compile(r"\+?[\d\s().-]*\d[\d\s().-]*", re.ASCII)

Row = tuple[int, dict[str, str]]  # its number in the spreadsheet, and its cells by heading


class Place(NamedTuple):
    """A point on the earth (WGS 84), in degrees north and east."""

    latitude: float
    longitude: float

    @property
    def on_earth(self) -> bool:
        return -90 <= self.latitude <= 90 and -180 <= self.longitude <= 180


@dataclass(frozen=True)
class Clinic:
    """Where people can go.

    Attributes:
        name: of the clinic.
        place: where it is.
        phone: as people write it; "" where nobody knows.
        address: likewise.
        url: of its own page, http or https; likewise.
    """

    name: str
    place: Place
    phone: str = ""
    address: str = ""
    url: str = ""

    @property
    def dialled(self) -> str:
        """What a telephone is told (RFC 3966)."""
        return re.sub(r"[^\d+]", "", self.phone)

    def to_dict(self) -> dict[str, Any]:
        reached = {"phone": self.phone, "address": self.address, "url": self.url}
        return {"name": self.name} | self.place._asdict() | reached


def read_clinics(path: Path) -> tuple[Clinic, ...]:
    """The clinics of a CSV file: name, latitude, longitude and phone, and perhaps address and url, in UTF-8 or CP949.

    Raises:
        UserError: no such file, a column missing, or rows that cannot be, all of them at once.
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
        raise UserError(f"--clinics {path}: no row below the headings; give one for each clinic")
    return tuple(clinic for _, clinic in clinics.values())


def _rows(path: Path) -> tuple[list[Row], list[Problem]]:
    """All rows below the headings that have as many cells as these; blank ones are left out."""
    where = f"--clinics {path}"
    lines = csv_lines(_text_of(path), where)
    headings = lines[0][1] if lines else []
    _check_headings(headings, where)
    width = len(headings)
    ragged = f"{{}} cells under {width} headings; quote commas within cells, keep those between"
    problems = [Problem(ragged.format(len(cells)), row) for row, cells in lines if not _fits(cells, width)]
    fitting = [(row, cells[:width]) for row, cells in lines[1:] if _fits(cells, width)]
    return [(row, dict(zip(headings, cells, strict=True))) for row, cells in fitting], problems


def _fits(cells: Sequence[str], width: int) -> bool:
    """Spreadsheets append blank cells."""
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
            raise UserError(f"{where}: the heading {shown(heading)} stands twice; rename or remove one")
    missing = [column for column in REQUIRED if column not in headings]
    if missing:
        found = ", ".join(shown(heading) for heading in headings) or "none"
        raise UserError(
            f"{where}: no column {', '.join(missing)} among the headings (found {found}); give {', '.join(REQUIRED)}, "
            "and if you like address and url, with commas between them"
        )


def _problems(row: int, cells: Mapping[str, str]) -> Iterator[Problem]:
    if not cells["name"]:
        yield Problem("blank; give the clinic's name", row, "name")
    for column, limit in (("latitude", 90), ("longitude", 180)):
        if reason := _why_no_degrees(cells[column], limit):
            yield Problem(reason, row, column)
    if cells["phone"] and not PHONE.fullmatch(cells["phone"]):
        yield Problem(f"{shown(cells['phone'])} is no telephone number; give digits, such as 02-123-4567", row, "phone")
    if cells.get("url") and not _is_web_address(cells["url"]):
        yield Problem(f"{shown(cells['url'])} is no address of a page; begin with https://", row, "url")


def _why_no_degrees(text: str, limit: int) -> str:
    if not text:
        return f"blank; give degrees between -{limit} and {limit}"
    try:
        degrees = float(text)
    except ValueError:
        return f"{shown(text)} is no number; give degrees with a point, such as 37.5665"
    if not -limit <= degrees <= limit:  # NaN, too
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
