"""Reads label files in UTF-8, with or without a byte order mark, or in CP949, the encoding of Korean Windows."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from multiskin.data.adapters.irregularities import BAD_TEXT, CP949, NOT_JSON, OTHER_LAYOUT, WITH_BOM, LeftOutError, Tell

BOM = b"\xef\xbb\xbf"


def read_json(path: Path, tell: Tell) -> dict[str, Any]:
    """The content of a JSON file, which must be an object.

    Raises:
        LeftOutError: it is not.
        OSError: it cannot be read.
    """
    text = read_text(path, tell)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LeftOutError(NOT_JSON, str(error) or "nested too deeply") from error
    if not isinstance(content, dict):
        raise LeftOutError(OTHER_LAYOUT, f"holds a {type(content).__name__}, not a mapping")
    return content


def read_rows(path: Path, tell: Tell) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file by heading, with their line numbers.

    Raises:
        LeftOutError: it is malformed.
        OSError: it cannot be read.
    """
    lines = csv.DictReader(io.StringIO(read_text(path, tell), newline=""), restkey="", restval="")
    try:
        for cells in lines:
            yield lines.line_num, cells
    except csv.Error as error:
        raise LeftOutError(OTHER_LAYOUT, f"line {lines.line_num}: {error}") from error


def read_text(path: Path, tell: Tell) -> str:
    """The text of a file in either encoding.

    Raises:
        LeftOutError: neither of them.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    if content.startswith(BOM):
        tell(WITH_BOM, "")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        try:
            text = content.decode("cp949")
        except UnicodeDecodeError:
            raise LeftOutError(BAD_TEXT, f"byte {error.start}: {error.reason}") from error
    tell(CP949, "")
    return text
