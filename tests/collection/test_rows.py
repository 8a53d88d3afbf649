"""A row has exactly the values of predict's CSV, with types."""

import csv
import io

import numpy as np
import pyarrow as pa

from multiskin.collection.rows import from_csv, row_types, to_csv
from multiskin.conformal.sets import lowest
from multiskin.inference.output import write_csv
from multiskin.portable.results import PhotoResult, Prediction
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("shine", 5), Attribute("주름", 3), Attribute("kind", 2, kind="nominal")))
SHARES = [[0.1, 0.2, 0.3, 0.25, 0.15], [0.5, 0.2, 0.3, 0, 0], [1 / 3, 2 / 3, 0, 0, 0]]
GOOD = Prediction(
    grades=np.array([[2, 0, 1]]),
    scores=np.array([[2.15, 0.8, np.nan]], np.float32),
    probabilities=np.array([SHARES], np.float32),
)
SETS = np.array([[[0, 1, 1, 1, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 0]]], bool)
NAMES = ["사진/김, 이마.png", "NA", "null", "two\nlines.png", '"quoted".png', "007"]
RESULTS = [PhotoResult(name, GOOD, sets=SETS) for name in NAMES] + [PhotoResult("b.png", None, 'b.png: "damaged"')]


def test_rows_are_those_of_the_csv_with_types() -> None:
    for with_sets in (False, True):
        results = RESULTS if with_sets else [result._replace(sets=None) for result in RESULTS]
        file = io.StringIO(newline="")
        write_csv(results, SCHEMA, file, with_sets)
        expected = list(csv.DictReader(io.StringIO(file.getvalue(), newline="")))
        rows = from_csv(to_csv(results, SCHEMA, with_sets), row_types(SCHEMA, with_sets))
        assert rows.column_names == list(expected[0])
        assert rows.schema.equals(row_types(SCHEMA, with_sets))
        for row, line in zip(rows.to_pylist(), expected, strict=True):
            assert {name: "" if value is None else str(value) for name, value in row.items()} == line


def test_grades_are_integers_and_probabilities_are_floats() -> None:
    types = row_types(SCHEMA, with_sets=True)
    assert {types.field(name).type for name in ("shine", "kind", "shine_low", "주름_high")} == {pa.int64()}
    assert {types.field(name).type for name in ("shine_score", "kind_p0", "주름_p2")} == {pa.float64()}
    assert {types.field(name).type for name in ("image", "kind_set", "error")} == {pa.string()}
    row = from_csv(to_csv(RESULTS, SCHEMA, True), types).to_pylist()[0]
    assert (row["shine"], row["shine_low"], row["kind_set"]) == (2, int(lowest(SETS[0, 0])), "0 1")


def test_missing_values_are_null() -> None:
    rows = from_csv(to_csv(RESULTS, SCHEMA, True), row_types(SCHEMA, True)).to_pylist()
    assert [row["error"] for row in rows] == [None] * len(NAMES) + ['b.png: "damaged"']
    assert {value for name, value in rows[-1].items() if name not in ("image", "error")} == {None}
    assert [row["image"] for row in rows[:-1]] == NAMES
