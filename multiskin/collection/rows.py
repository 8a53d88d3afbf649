"""Predictions as rows of a Parquet file: what `multiskin predict` writes as CSV, digit for digit, with types."""

import io
from collections.abc import Iterable

import pyarrow as pa
from pyarrow import csv

from multiskin.inference.output import write_csv
from multiskin.portable.results import PhotoResult
from multiskin.schema import Schema


def to_csv(results: Iterable[PhotoResult], schema: Schema, with_sets: bool) -> str:
    """The results as CSV with headings, to be sent from the process that scores to the one that writes."""
    file = io.StringIO(newline="")
    write_csv(results, schema, file, with_sets)
    return file.getvalue()


def from_csv(text: str, types: pa.Schema) -> pa.Table:
    """The lines of that CSV with types; blank cells are null."""
    return csv.read_csv(
        pa.BufferReader(text.encode()),
        parse_options=csv.ParseOptions(newlines_in_values=True),  # file names may hold them
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=[""],  # nothing else: a folder may well be called NA
            strings_can_be_null=True,
        ),
    )


def row_types(schema: Schema, with_sets: bool) -> pa.Schema:
    """The columns of `write_csv`: grades and the ends of sets are whole, scores and probabilities are not."""
    types = {"image": pa.string()}
    for attribute in schema:
        types |= dict.fromkeys(attribute.prediction_columns, pa.float64()) | {attribute.name: pa.int64()}
        if with_sets:
            types |= dict.fromkeys(attribute.set_columns, pa.int64() if attribute.ordinal else pa.string())
    types |= {derived.name: pa.string() for derived in schema.derived}
    return pa.schema(types | {"error": pa.string()})
