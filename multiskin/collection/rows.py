"""Predictions as rows of a Parquet file: what `multiskin predict` writes as CSV, to the digit, with types."""

import io
from collections.abc import Iterable

import pyarrow as pa
from pyarrow import csv

from multiskin.inference.output import write_csv
from multiskin.portable.results import PhotoResult
from multiskin.schema import Schema


def to_csv(results: Iterable[PhotoResult], schema: Schema, with_sets: bool) -> str:
    """Lines under their headings, as they travel from the process that scores to the one that writes."""
    file = io.StringIO(newline="")
    write_csv(results, schema, file, with_sets)
    return file.getvalue()


def from_csv(text: str, types: pa.Schema) -> pa.Table:
    """Those lines with types; blank cells are null."""
    return csv.read_csv(
        pa.BufferReader(text.encode()),
        parse_options=csv.ParseOptions(newlines_in_values=True),  # as names of files may have
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=[""],  # no more than that: a folder may well be called NA
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
