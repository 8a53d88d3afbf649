"""Writes predictions as CSV or JSON lines, one by one, so that none is lost if the command is stopped."""

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
    """Writes one row per photo: image, each head's columns, derived labels, error. Returns the number of errors.

    Args:
        results: the results, in order.
        schema: the model's schema.
        file: the file to write to.
        with_sets: whether to write the columns of sets of grades.
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
    """Writes one JSON object per photo: image, each head's prediction, derived labels, or an error instead.

    A head's prediction is its grade, its score if ordinal, its probabilities, and its set of grades if there are any.
    Returns the number of errors.
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
UNENCODABLE = "backslashreplace"  # file names that are not UTF-8, such as CP949 from an old Windows


def check_output(path: str | None) -> None:
    """Makes sure that a file's suffix is that of a known format.

    Raises:
        UserError: a suffix other than .csv and .jsonl.
    """
    if path is not None and Path(path).suffix.lower() not in SUFFIXES:
        raise UserError(f"--out {path}: predictions are written as {' or '.join(SUFFIXES)}; give such a file name")


def writer_for(path: str | None, with_sets: bool) -> Writer:
    """The writer for a checked file name; CSV for standard output."""
    if path is None or Path(path).suffix.lower() == ".csv":
        return partial(write_csv, with_sets=with_sets)
    return write_json_lines


@contextmanager
def open_output(path: str | None) -> Iterator[TextIO]:
    """Opens the file to write to, or standard output; what cannot be encoded in file names is escaped.

    Raises:
        UserError: the file cannot be written.
    """
    if path is None:
        if isinstance(sys.stdout, TextIOWrapper):
            # each row appears at once, even in a pipe
            sys.stdout.reconfigure(line_buffering=True, errors=UNENCODABLE)
        yield sys.stdout
        return
    try:
        # line by line, as above
        file = Path(path).open("w", buffering=1, encoding="utf-8", errors=UNENCODABLE, newline="")  # noqa: SIM115
    except OSError as error:
        raise UserError(f"--out {path}: {error.strerror or error}; name a file that can be written") from error
    with file:
        yield file
