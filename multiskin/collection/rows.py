"""Converts predictions to rows of a Parquet file: exactly the values of predict's CSV, with column types."""

import io
from collections.abc import Iterable

import pyarrow as pa
from pyarrow import csv

from multiskin.inference.output import write_csv
from multiskin.portable.results import PhotoResult
from multiskin.schema import Schema


def to_csv(results: Iterable[PhotoResult], schema: Schema, with_sets: bool) -> str:
    """The results as CSV with headings, to send from the process that scores to the one that writes."""
    file = io.StringIO(newline="")
    write_csv(results, schema, file, with_sets)
    return file.getvalue()


def from_csv(text: str, types: pa.Schema) -> pa.Table:
    """The rows of that CSV as a table with types; blank cells are null."""
    return csv.read_csv(
        pa.BufferReader(text.encode()),
        parse_options=csv.ParseOptions(newlines_in_values=True),  # file names may contain them
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=[""],  # nothing else, such as NA, which may be a file name
            strings_can_be_null=True,
        ),
    )


def row_types(schema: Schema, with_sets: bool) -> pa.Schema:
    """The column types of `write_csv`: grades and bounds of sets are integers, scores and probabilities are floats."""
    types = {"image": pa.string()}
    for attribute in schema:
        types |= dict.fromkeys(attribute.prediction_columns, pa.float64()) | {attribute.name: pa.int64()}
        if with_sets:
            types |= dict.fromkeys(attribute.set_columns, pa.int64() if attribute.ordinal else pa.string())
    types |= {derived.name: pa.string() for derived in schema.derived}
    return pa.schema(types | {"error": pa.string()})
