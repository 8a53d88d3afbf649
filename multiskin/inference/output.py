"""Predictions as files: CSV or JSON lines, written as they come, so that a stop loses nothing."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from multiskin.errors import UserError
from multiskin.inference.evaluate import prediction_columns
from multiskin.inference.predictor import PhotoResult
from multiskin.schema import Schema


def write_csv(results: Iterable[PhotoResult], schema: Schema, file: TextIO) -> int:
    """A line a photo: image, each head's columns, error. Returns how many photos could not be read."""
    columns = ["image", *(name for attribute in schema for name in attribute.prediction_columns)]
    writer = csv.DictWriter(file, [*columns, "error"], restval="")
    writer.writeheader()
    errors = 0
    for result in results:
        writer.writerow({"image": result.path, "error": result.error} | _cells(result, schema))
        errors += result.prediction is None
    return errors


def _cells(result: PhotoResult, schema: Schema) -> dict[str, Any]:
    if result.prediction is None:
        return {}
    cells: dict[str, Any] = {}
    for h in range(len(schema)):
        for name, values in prediction_columns(result.prediction, h, schema).items():
            cells[name] = round(values[0].item(), 6)
    return cells


def write_json_lines(results: Iterable[PhotoResult], schema: Schema, file: TextIO) -> int:
    """An object a line: image and, by head, grade, score and probabilities; or error. Returns how many have one."""
    errors = 0
    for result in results:
        file.write(json.dumps({"image": result.path} | _content(result, schema), ensure_ascii=False) + "\n")
        errors += result.prediction is None
    return errors


def _content(result: PhotoResult, schema: Schema) -> dict[str, Any]:
    if result.prediction is None:
        return {"error": result.error}
    grades, scores, probabilities = (values[0] for values in result.prediction)
    content: dict[str, Any] = {}
    for h, attribute in enumerate(schema):
        score = {"score": round(scores[h].item(), 6)} if attribute.ordinal else {}
        shares = [round(value, 6) for value in probabilities[h, : attribute.grades].tolist()]
        content[attribute.name] = {"grade": int(grades[h]), **score, "probabilities": shares}
    return content


Writer = Callable[[Iterable[PhotoResult], Schema, TextIO], int]
WRITERS: dict[str, Writer] = {".csv": write_csv, ".jsonl": write_json_lines}


def writer_for(path: str | None) -> Writer:
    """The writer that a file's name asks for; CSV for the terminal.

    Raises:
        UserError: a name that ends in neither .csv nor .jsonl.
    """
    suffix = ".csv" if path is None else Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise UserError(f"--out {path}: predictions are written to {' or '.join(WRITERS)} files")
    return WRITERS[suffix]


@contextmanager
def open_output(path: str | None) -> Iterator[TextIO]:
    """The file to write to, or the terminal.

    Raises:
        UserError: a file that cannot be written.
    """
    if path is None:
        yield sys.stdout
        return
    try:
        file = Path(path).open("w", encoding="utf-8", newline="", buffering=1)  # noqa: SIM115  # line by line
    except OSError as error:
        raise UserError(f"--out {path}: {error.strerror or error}; name a file that can be written") from error
    with file:
        yield file
