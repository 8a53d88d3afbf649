"""Every head and every number stands in the table, whole, on terminals as narrow as they come."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console

from multiskin.conformal.prediction import ConformalSets
from multiskin.data.photos import Photos
from multiskin.metrics.ordinal import summarise
from multiskin.reports.tables import print_grades, print_results, print_sets
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


@pytest.mark.parametrize("name", SCHEMAS)
def test_persons_stand_beside_photos_on_the_narrowest_terminal(
    name: str, confusion_of: Callable[[Schema], np.ndarray]
) -> None:
    schema = SCHEMAS[name]
    metrics = measured(confusion_of(schema), schema)
    half, third = ({key: value / n for key, value in metrics.items()} for n in (2, 3))
    text = printed(lambda console: print_results(metrics, schema, "test", console, half, third), 80)
    assert "…" not in text
    assert ("P-Recall when all photos of a person are graded together" in text) == (name != "nominal")
    for head in schema:
        [cells] = lines_of(text, head.title().split()[0])
        lead = "p_recall" if head.ordinal else "accuracy"
        assert f"{third[f'{head.name}/{lead}']:.3f}" in cells
        assert not head.ordinal or f"{half[f'{head.name}/{lead}']:.3f}" in cells
    assert "person" not in printed(lambda console: print_results(metrics, schema, "test", console), 80)


def test_a_number_that_does_not_exist_is_a_dash() -> None:
    schema = SCHEMAS["mixed"]
    metrics = measured(np.zeros((2, 5, 5), np.int64), schema)
    text = printed(lambda console: print_results(metrics, schema, "test", console), 80)
    assert lines_of(text, "shine") == [["shine", "0", *["-"] * 7]]
    assert "nan" not in text


def test_a_side_to_calibrate_on_is_counted_where_there_is_one(photos: Photos) -> None:
    split = np.where(photos.split == "test", "calibrate", photos.split)
    text = printed(lambda console: print_grades(replace(photos, split=split), console), 80)
    assert [line.split()[0] for line in text.splitlines() if "calibrate" in line] == ["calibrate"] * 2
    assert "calibrate" not in printed(lambda console: print_grades(photos, console), 80)


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


@pytest.mark.parametrize("by", [None, "grade", "tone"])
def test_every_threshold_has_a_line_with_its_subjects_and_the_width_of_its_sets(by: str | None) -> None:
    schema = Schema((Attribute("shine", 3), Attribute("kind", 2, kind="nominal")))
    probabilities = np.tile([[0.7, 0.2, 0.1], [0.8, 0.2, 0.0]], (6, 1, 1))
    grades = np.array([[0, 0], [0, 1], [0, 0], [1, MISSING], [1, MISSING], [MISSING, MISSING]])
    units, groups = np.array([0, 0, 1, 2, 3, 4]), {"tone": np.array(["I", "I", "I", "II", "II", ""], dtype=object)}
    fitted = ConformalSets.fit(schema, probabilities, grades, units, 0.5, by, groups)
    sets = fitted.sets(probabilities, groups)
    text = printed(lambda console: print_sets(fitted, sets, grades, units, groups, console), 80)
    expected = {
        None: [["shine", "4", "5", "2.00", "0 %"], ["kind", "2", "3", "1.00", "0 %"]],
        "grade": [
            ["shine", "0", "2", "3", "3.00", "100 %"],
            ["shine", "1", "2", "2", "3.00", "100 %"],
            ["shine", "2", "0", "0", "-", "-"],
            ["kind", "0", "2", "2", "2.00", "100 %"],
            ["kind", "1", "1", "1", "2.00", "100 %"],
        ],
        "tone": [
            ["shine", "I", "2", "3", "1.00", "0 %"],
            ["shine", "II", "2", "2", "2.00", "0 %"],
            ["kind", "I", "2", "3", "1.00", "0 %"],
            ["kind", "II", "0", "0", "-", "-"],
        ],
    }
    lines = [" ".join(line.split()) for line in text.splitlines() if line.startswith(("shine", "kind"))]
    assert lines == [" ".join(cells) for cells in expected[by]]
    too_few = {None: "", "grade": "shine 2", "tone": "kind II"}[by]
    assert ("the sets rule out no grade" in text) == bool(too_few)
    assert too_few in text
