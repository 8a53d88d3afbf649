"""Reads tables: every cell as text, every row by its number in the spreadsheet."""

import csv
import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from multiskin.errors import UserError

SEPARATOR = re.compile(r'"?sep=([,;|\t])"?(?:\r\n|\r|\n)', re.IGNORECASE)  # hidden by Excel, which does not count it
SHOWN = 60  # most characters of a cell that a message quotes


@dataclass(frozen=True)
class Problem:
    """Something wrong with one row of a table, or with the whole table if row is None."""

    message: str
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        row = "" if self.row is None else f"row {self.row}"
        column = "" if self.column is None else f"column {shown(self.column)}"
        place = ", ".join(filter(None, (row, column)))
        return f"{place}: {self.message}" if place else self.message


@dataclass(frozen=True)
class Table:
    """The content of a table file, and what is wrong with its format.

    Attributes:
        cells: stripped text, "" where blank, indexed by row number. In a CSV file the headings are row 1, as in a
            spreadsheet, and blank rows count; in a Parquet file, which has no row of headings, the first row is 1.
        problems: duplicate headings (the first column is kept), and rows with the wrong number of cells (left out).
    """

    cells: pd.DataFrame
    problems: list[Problem]


def shown(text: str) -> str:
    """Text as quoted in a message: on one line, shortened if long."""
    short = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return short if short.isprintable() and short else repr(short)


def read_table(path: str | Path, what: str = "table", remedy: str = "correct its path") -> Table:
    """Reads a CSV file (UTF-8, commas unless a first line such as sep=; names another separator) or a Parquet file.

    Args:
        path: the file.
        what: what it is, or the option that names it, for messages.
        remedy: what to do if it does not exist, for messages.

    Raises:
        UserError: no such file, neither CSV nor Parquet, not UTF-8, malformed, or empty.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: not a {' or '.join(READERS)} file; save the table as one of them")
    try:
        return reader(path)
    except FileNotFoundError as error:
        place = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise UserError(f"{what} {path}: no such file{place}; {remedy}") from error
    except (OSError, ValueError, LookupError, OverflowError, pa.ArrowException) as error:  # also times, in Parquet
        reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        raise UserError(f"{what} {path}: cannot be read ({reason}); give an intact .csv or .parquet file") from error


def read_cells(path: str | Path) -> pd.DataFrame:
    """The cells of a table, none of which may be left out.

    Raises:
        UserError: as read_table, or the first problem with the table's format.
    """
    table = read_table(path)
    if table.problems:
        more = f" (and {len(table.problems) - 1} more)" if len(table.problems) > 1 else ""
        raise UserError(f"{path}: {table.problems[0]}{more}")
    return table.cells


def csv_lines(text: str, where: str) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file that are not blank, with their numbers; Excel's first line SEPARATOR is not a row.

    Raises:
        UserError: malformed CSV, such as an unclosed quotation mark; the message starts with `where`.
    """
    named = SEPARATOR.match(text)
    separator, rows = (named[1], text[named.end() :]) if named else (",", text)
    reader = csv.reader(io.StringIO(rows, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        lines = [(row, [cell.strip() for cell in cells]) for row, cells in enumerate(reader, start=1)]
    except csv.Error as error:
        raise UserError(f"{where}: line {reader.line_num}: {error}; check the quotation marks there") from error
    return [(row, cells) for row, cells in lines if any(cells)]


def _read_csv(path: Path) -> Table:
    lines = csv_lines(_text_of(path), str(path))
    if not lines:
        raise UserError(f"{path}: empty; give a row of headings and a row for each photo")
    headings = _without_blank_end(lines[0][1], width=1)
    if len(headings) == 1 and set(headings[0]) & {";", "\t"}:
        raise UserError(f"{path}: its only heading is {shown(headings[0])}; save it with commas between the columns")
    lines = [(row, _without_blank_end(cells, len(headings))) for row, cells in lines[1:]]
    ragged = [
        Problem(
            f"{len(cells)} cells under {len(headings)} headings; put cells that contain commas in quotation marks", row
        )
        for row, cells in lines
        if len(cells) != len(headings)
    ]
    lines = [(row, cells) for row, cells in lines if len(cells) == len(headings)]
    columns = [(heading, [cells[c] for _, cells in lines]) for c, heading in enumerate(headings)]
    table = _table(columns, [row for row, _ in lines])
    return Table(table.cells, table.problems + ragged)


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:  # guessing another encoding could garble file names
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}: line {line} is not UTF-8; in Excel, save it as 'CSV UTF-8'") from error


def _without_blank_end(cells: list[str], width: int) -> list[str]:
    """The cells without trailing blank ones beyond width, which spreadsheets append."""
    end = max((position for position, cell in enumerate(cells, start=1) if cell), default=0)
    return cells[: max(end, width)]


def _read_parquet(path: Path) -> Table:
    content = parquet.ParquetFile(path).read()  # parquet.read_table would turn folders named a=b into columns
    columns = [
        (name, [_text(value) for value in column.to_pylist()])
        for name, column in zip(content.column_names, content.columns, strict=True)
        if not re.fullmatch(r"__index_level_\d+__", name)  # the index of a pandas frame
    ]
    return _table(columns, range(1, content.num_rows + 1))


def _text(value: Any) -> str:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if missing else str(value).strip()


def _table(columns: list[tuple[str, list[str]]], rows: Sequence[int]) -> Table:
    cells: dict[str, list[str]] = {}
    problems = []
    for position, (heading, column) in enumerate(columns):
        name = heading.strip() or f"Unnamed: {position}"  # as in pandas
        if name in cells:
            problems.append(Problem("duplicate heading; rename or remove one", column=name))
        cells.setdefault(name, column)
    return Table(pd.DataFrame(cells, index=pd.Index(list(rows), dtype="int64"), dtype=object), problems)


READERS: dict[str, Callable[[Path], Table]] = {".csv": _read_csv, ".parquet": _read_parquet}
