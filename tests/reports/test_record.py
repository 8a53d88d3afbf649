"""A run folder keeps what was measured, beside what was measured before."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from multiskin.data.manifest import Manifest
from multiskin.inference.evaluate import Evaluation
from multiskin.inference.persons import Persons
from multiskin.inference.predictor import Prediction
from multiskin.reports.record import record, set_aside
from multiskin.run import RunFolder
from multiskin.schema import Schema


@pytest.fixture
def evaluation(manifest: Manifest, confusion_of: Callable[[Schema], np.ndarray]) -> Evaluation:
    photos, heads = manifest.grades.shape
    prediction = Prediction(
        grades=np.ones((photos, heads), np.int64),
        scores=np.full((photos, heads), 0.75, np.float32),
        probabilities=np.tile(np.array([0.25, 0.75, 0, 0, 0], np.float32), (photos, heads, 1)),
    )
    metrics = {"shine/n": 12.0, "shine/mae": 0.5, "lines/n": 0.0, "lines/mae": float("nan"), "mean/mae": 0.5}
    return Evaluation(manifest, prediction, metrics, confusion_of(manifest.schema), {})


def test_numbers_predictions_and_picture_are_kept(evaluation: Evaluation, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    record(run, "val", evaluation)
    content = json.loads(run.metrics.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert content["val"]["mean"] == {"mae": 0.5}
    assert content["val"]["heads"]["lines"]["mae"] is None
    expected = evaluation.table()
    found = pd.read_csv(run.predictions("val")).astype(expected.dtypes)
    pd.testing.assert_frame_equal(found, expected)
    assert run.figure("confusion_val").stat().st_size > 5000


def test_what_a_model_said_without_calibration_is_kept_as_long_as_it_has_one(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path)
    before = evaluation.prediction._replace(grades=evaluation.prediction.grades * 0)
    record(run, "val", replace(evaluation, uncalibrated=before))
    table, raw = (pd.read_csv(path) for path in (run.predictions("val"), run.uncalibrated("val")))
    assert (set(table["shine"]), set(raw["shine"])) == ({1}, {0})
    record(run, "val", evaluation)
    assert not run.uncalibrated("val").exists()


def test_what_was_measured_is_set_aside_and_nothing_else(evaluation: Evaluation, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert set_aside(run) is None
    record(run, "val", replace(evaluation, uncalibrated=evaluation.prediction))
    for name in ("report.html", "errors-val.csv", "difference.html", "split.csv", "figures/curves.png"):
        (tmp_path / name).write_text(name)
    before = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*.*")}
    place = set_aside(run)
    assert place is not None
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*") if not path.is_relative_to(place)}
    moved = {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*.*")}
    assert left == {"split.csv", "figures/curves.png"}
    assert moved == {name: content for name, content in before.items() if name not in left}
    assert set_aside(run) is None


@pytest.mark.parametrize(("room", "lacking"), [(100, "predictions_val.csv"), (3000, "confusion_val.png")])
def test_what_has_no_room_leaves_what_was_there(
    room: int, lacking: str, evaluation: Evaluation, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    run = RunFolder(tmp_path)
    record(run, "val", evaluation)
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("*.*")}
    evaluation.metrics["mean/mae"] = 0.25
    evaluation.confusion[:] += 1
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(OSError, match=f"File too large: .*{lacking}"):
            record(run, "val", evaluation)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_what_is_made_of_persons_is_kept_while_it_is_there(evaluation: Evaluation, tmp_path: Path) -> None:
    run, one = RunFolder(tmp_path), slice(0, 1)
    of_one = Prediction(*(values[one] for values in evaluation.prediction))
    graded = np.zeros((1, *evaluation.confusion.shape[:2]), np.int64)
    grades, photos = evaluation.manifest.grades[one], pd.Series({"007": 2})
    numbers = (evaluation.metrics, evaluation.confusion)
    persons = Persons(evaluation.schema, photos, graded, grades, of_one, *numbers)
    record(run, "val", replace(evaluation, persons=persons))
    [line] = pd.read_csv(run.persons("val"), dtype={"subject": str}).to_dict("records")
    assert (line["subject"], line["photos"], line["shine"], line["lines_p1"]) == ("007", 2, 1, 0.75)
    content = json.loads(run.metrics.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert content["val"]["persons"]["mean"] == {"mae": 0.5}
    record(run, "val", evaluation)
    assert not run.persons("val").exists()
    assert "persons" not in json.loads(run.metrics.read_text(encoding="utf-8"))["val"]


def test_another_measurement_stands_beside_the_first_and_the_same_one_replaces_it(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path)
    for name in ("val", "병원"):
        record(run, name, evaluation)
    evaluation.metrics["mean/mae"] = 0.25
    record(run, "val", evaluation)
    content = json.loads(run.metrics.read_text(encoding="utf-8"))
    assert {name: of["mean"]["mae"] for name, of in content.items()} == {"val": 0.25, "병원": 0.5}
    assert run.predictions("병원").is_file()


def test_a_measurement_takes_the_place_of_results_that_cannot_be_read(evaluation: Evaluation, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    record(run, "val", evaluation)
    run.metrics.write_bytes(run.metrics.read_bytes()[:100])
    record(run, "test", evaluation)
    assert list(json.loads(run.metrics.read_text(encoding="utf-8"))) == ["test"]
