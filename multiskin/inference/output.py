"""Predictions as files: CSV or JSON lines, written as they come, so that nothing is lost when a command is stopped."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from multiskin.conformal.sets import highest, lowest
from multiskin.derived import derive
from multiskin.errors import UserError
from multiskin.portable.results import PhotoResult, Prediction, prediction_columns
from multiskin.schema import Attribute, Schema


def write_csv(results: Iterable[PhotoResult], schema: Schema, file: TextIO, with_sets: bool = False) -> int:
    """One line per photo: image, each head's columns, what follows from grades, error. Returns the number of errors.

    Args:
        results: in order.
        schema: of the model.
        file: written to as they come.
        with_sets: whether predictions come with sets of grades, which have columns of their own.
    """
    columns = ["image"]
    for attribute in schema:
        columns += attribute.prediction_columns + (attribute.set_columns if with_sets else [])
    columns += [each.name for each in schema.derived]
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
        if result.sets is not None:
            cells |= _set_cells(result.sets[0, h], schema.attributes[h])
    return cells | derive(schema.derived, _grades(result.prediction, schema))


def _set_cells(grades: np.ndarray, attribute: Attribute) -> dict[str, Any]:
    """The columns of one head's set of grades (Kmax,)."""
    ends = [int(lowest(grades)), int(highest(grades))]
    values = ends if attribute.ordinal else [" ".join(map(str, np.flatnonzero(grades)))]
    return dict(zip(attribute.set_columns, values, strict=True))


def _grades(prediction: Prediction, schema: Schema) -> dict[str, int]:
    """The grades of one photo, by attribute."""
    return dict(zip(schema.names, prediction.grades[0].tolist(), strict=True))


def write_json_lines(results: Iterable[PhotoResult], schema: Schema, file: TextIO) -> int:
    """One object per line: image and, by head, grade, score, probabilities, any set; what follows; or the error.

    Returns how many have an error.
    """
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
        if result.sets is not None:
            content[attribute.name]["set"] = np.flatnonzero(result.sets[0, h]).tolist()
    return content | derive(schema.derived, _grades(result.prediction, schema))


Writer = Callable[[Iterable[PhotoResult], Schema, TextIO], int]
SUFFIXES = (".csv", ".jsonl")


def check_output(path: str | None) -> None:
    """Makes sure that predictions can be written in the format that a file's name asks for.

    Raises:
        UserError: a name that ends in neither .csv nor .jsonl.
    """
    if path is not None and Path(path).suffix.lower() not in SUFFIXES:
        raise UserError(f"--out {path}: predictions are written to {' or '.join(SUFFIXES)} files")


def writer_for(path: str | None, with_sets: bool) -> Writer:
    """The writer for a file's name, which has been checked; CSV for the terminal."""
    if path is None or Path(path).suffix.lower() == ".csv":
        return partial(write_csv, with_sets=with_sets)
    return write_json_lines


@contextmanager
def open_output(path: str | None) -> Iterator[TextIO]:
    """The file to write to, or the terminal.

    Raises:
        UserError: a file that cannot be written.
    """
    if path is None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)  # each score appears at once, also through a pipe
        yield sys.stdout
        return
    try:
        file = Path(path).open("w", encoding="utf-8", newline="", buffering=1)  # noqa: SIM115  # line by line
    except OSError as error:
        raise UserError(f"--out {path}: {error.strerror or error}; name a file that can be written") from error
    with file:
        yield file
