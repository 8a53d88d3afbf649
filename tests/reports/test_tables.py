"""Every head and every number stands in the table, whole, on terminals as narrow as they come."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from rich.console import Console

from multiskin.data.photos import Photos
from multiskin.metrics.ordinal import summarise
from multiskin.reports.tables import print_grades, print_results
from multiskin.schema import MISSING, Attribute, Schema

LONG = {"en": "Modified global severity scale of the whole forehead"}
SCHEMAS = {
    "ordinal": Schema((Attribute("pigmentation", 5), Attribute("주름", 3), Attribute("a", 7, display=LONG))),
    "mixed": Schema((Attribute("shine", 5), Attribute("kind", 3, kind="nominal"))),
    "nominal": Schema((Attribute("kind", 3, kind="nominal"), Attribute("type", 2, kind="nominal"))),
}


def printed(print_to: Callable[[Console], None], width: int) -> str:
    file = io.StringIO()
    print_to(Console(file=file, width=width))
    return file.getvalue()


def measured(confusion: np.ndarray, schema: Schema) -> dict[str, float]:
    counts = torch.from_numpy(confusion)
    values = summarise(counts, counts.sum(dim=2).double() / 7, schema)
    return {key: value.item() for key, value in values.items()}


def lines_of(text: str, label: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.startswith(label)]


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("name", SCHEMAS)
def test_results_are_printed_whole(name: str, width: int, confusion_of: Callable[[Schema], np.ndarray]) -> None:
    schema = SCHEMAS[name]
    metrics = measured(confusion_of(schema), schema)
    text = printed(lambda console: print_results(metrics, schema, "val: 12345 photos", console), width)
    assert "…" not in text
    assert text.startswith("val: 12345 photos")
    for attribute in schema:
        [cells] = lines_of(text, attribute.title().split()[0])
        assert f"{metrics[f'{attribute.name}/n']:.0f}" in cells
        judged = ("p_recall", "p_recall_constant", "kappa", "mae", "accuracy", "within_one", "rps_balanced")
        for metric in judged if attribute.ordinal else ("accuracy", "balanced_accuracy", "macro_f1"):
            assert f"{metrics[f'{attribute.name}/{metric}']:.3f}" in cells
        assert all(word in text for word in attribute.title().split())
    [mean] = lines_of(text, "mean")
    assert mean[1] == "-"  # heads have photos in common
    assert f"{metrics['mean/accuracy']:.3f}" in mean


@pytest.mark.parametrize("width", [80, 120])
def test_a_second_rater_stands_beside_the_model(width: int, confusion_of: Callable[[Schema], np.ndarray]) -> None:
    schema = SCHEMAS["ordinal"]
    metrics = measured(confusion_of(schema), schema)
    second = {key: value / 2 for key, value in metrics.items()}
    text = printed(lambda console: print_results(metrics, schema, "test", console, second), width)
    assert "2nd rater: " in text
    [cells] = lines_of(text, "mean")
    assert cells[1:5] == ["-", *(f"{metrics[f'mean/{m}']:.3f}" for m in ("p_recall", "p_recall_constant")),
                          f"{second['mean/p_recall']:.3f}"]  # fmt: skip
    assert "rater" not in printed(lambda console: print_results(metrics, schema, "test", console), width)


def test_a_number_that_does_not_exist_is_a_dash() -> None:
    schema = SCHEMAS["mixed"]
    metrics = measured(np.zeros((2, 5, 5), np.int64), schema)
    text = printed(lambda console: print_results(metrics, schema, "test", console), 80)
    assert lines_of(text, "shine") == [["shine", "0", *["-"] * 7]]
    assert "nan" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_grades_are_counted_by_attribute_and_side(width: int, photos: Photos) -> None:
    text = printed(lambda console: print_grades(photos, console), width)
    rows = [line.split() for line in text.splitlines()[3:] if line.strip()]
    assert len(rows) == 2 * 3
    expected = []
    for h, attribute in enumerate(photos.manifest.schema):
        for side in ("train", "val", "test"):
            grades = photos.side(side).grades[:, h].tolist()
            counts = [grades.count(grade) for grade in range(attribute.grades)]
            graded = len(grades) - grades.count(MISSING)
            expected.append([side, *map(str, (len(grades), graded, *counts))])
            if side == "train":
                expected[-1].insert(0, attribute.title())
    assert rows == expected
