"""The table as its owner sees it: every cell as text, every row by its number in the spreadsheet."""

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

SHOWN = 60  # characters of a cell that a message repeats


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a table: of one row, or of the table as a whole where row is None."""

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
    """What a file holds, and what is wrong with its form.

    Attributes:
        cells: stripped text, "" where blank, indexed by row number. In a CSV file the headings are row 1, as in a
            spreadsheet, and blank rows count; in a Parquet file, which has no row of headings, the first row is 1.
        problems: headings that stand twice (the first one counts) and rows that do not fit under the headings (they
            are not among the cells).
    """

    cells: pd.DataFrame
    problems: list[Problem]


def shown(text: str) -> str:
    """Text as a message repeats it: on one line, and not all of a long one."""
    short = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return short if short.isprintable() and short else repr(short)


def read_table(path: str | Path) -> Table:
    """Reads a CSV file (UTF-8, commas) or a Parquet file, whichever its name ends in.

    Raises:
        UserError: no such file, neither CSV nor Parquet, not UTF-8, malformed, or empty.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: a table is a {' or '.join(READERS)} file; save it as one of them")
    try:
        return reader(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        raise UserError(f"table {path}: cannot be read ({reason}); give a whole .csv or .parquet file") from error


def csv_lines(text: str, where: str) -> list[tuple[int, list[str]]]:
    """The lines of a CSV file that are not blank, by the number of each row.

    Raises:
        UserError: quotation marks that do not close, or what else is no CSV; `where` is named.
    """
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
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
            f"{len(cells)} cells under {len(headings)} headings; quote commas within cells, keep those between", row
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
    except UnicodeDecodeError as error:  # another encoding could only be guessed, and names of files would suffer
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}: line {line} is not UTF-8; in Excel, save it as 'CSV UTF-8'") from error


def _without_blank_end(cells: list[str], width: int) -> list[str]:
    """Without the blank cells beyond width that spreadsheets append."""
    end = max((position for position, cell in enumerate(cells, start=1) if cell), default=0)
    return cells[: max(end, width)]


def _read_parquet(path: Path) -> Table:
    content = parquet.ParquetFile(path).read()  # parquet.read_table would make columns of folders named a=b
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
        name = heading.strip() or f"Unnamed: {position}"  # what pandas calls it
        if name in cells:
            problems.append(Problem("the heading stands twice; rename or remove one", column=name))
        cells.setdefault(name, column)
    return Table(pd.DataFrame(cells, index=pd.Index(list(rows), dtype="int64"), dtype=object), problems)


READERS: dict[str, Callable[[Path], Table]] = {".csv": _read_csv, ".parquet": _read_parquet}
