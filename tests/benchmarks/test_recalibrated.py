"""Predictions of runs with another calibration, or without one."""

import shutil

import calibration
import numpy as np
import pandas as pd
import pytest
import recalibrated
from as_trained import as_trained

from multiskin.inference.calibrate import calibrated, keep_calibration
from multiskin.inference.evaluate import evaluate, network_probabilities
from multiskin.inference.predictor import Predictor
from multiskin.metrics.calibration import calibration_error
from multiskin.reports.graded import GradedPredictions
from multiskin.run import RunFolder

METHOD = "temperature"


@pytest.fixture(scope="module")
def run(runs, photos, tmp_path_factory):
    """A run with predictions of its validation and test photos."""
    run = RunFolder(tmp_path_factory.mktemp("measured") / "small")
    shutil.copytree(runs[0], run.root)
    for side in ("val", "test"):
        table = evaluate(Predictor.from_checkpoint(run.best, "cpu"), photos.side(side)).table()
        table.to_csv(run.predictions(side), index=False)
    return run


@pytest.fixture(scope="module")
def other(run, photos, tmp_path_factory):
    """The same run, calibrated."""
    other = RunFolder(tmp_path_factory.mktemp("calibrated") / "small")
    shutil.copytree(run.root, other.root)
    trained, val = Predictor.from_checkpoint(run.best, "cpu"), photos.side("val")
    methods = dict.fromkeys(trained.schema.names, METHOD)
    keep_calibration(
        calibrated(trained, run.best, val, network_probabilities(trained, val), methods), run.best, other.best
    )
    for side in ("val", "test"):
        table = evaluate(Predictor.from_checkpoint(other.best, "cpu"), photos.side(side)).table()
        table.to_csv(other.predictions(side), index=False)
    return other


@pytest.mark.parametrize("side", ["val", "test"])
def test_uncalibrated_predictions_of_a_calibrated_run(run, other, side):
    expected = as_trained(run.root, side)
    now = GradedPredictions.of_run(other, side)
    assert np.abs(now.probabilities - expected.probabilities).max() > 0.01
    found = as_trained(other.root, side)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-6)
    assert (found.decisions == expected.decisions).all()
    assert (found.grades == expected.grades).all()


def test_test_photos_are_calibrated_as_by_the_command(run, other):
    (beside,) = recalibrated.recalibrate([run.root], METHOD)
    expected = GradedPredictions.of_run(other, "test")
    found = GradedPredictions.load(beside / "predictions_test.csv", expected.schema)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    assert (found.decisions == expected.decisions).all()
    scores = [f"{name}_score" for name in expected.schema.names]
    np.testing.assert_allclose(*(table[scores].astype(float) for table in (found.table, expected.table)), atol=1e-5)


@pytest.mark.parametrize("side", ["val", "test"])
def test_as_trained_removes_the_calibration_of_a_run(run, other, side):
    expected = as_trained(run.root, side)
    for each in (run, other):
        (beside,) = recalibrated.recalibrate([each.root], recalibrated.AS_TRAINED)
        found = GradedPredictions.load(beside / f"predictions_{side}.csv", expected.schema)
        order, like = (said.table["image"].to_numpy().argsort() for said in (found, expected))
        np.testing.assert_allclose(found.probabilities[order], expected.probabilities[like], atol=1e-5)
        assert (found.decisions[order] == expected.decisions[like]).all()


def test_errors_are_those_of_the_calibrated_test_photos(run, other):
    """Of the method that the other run is calibrated with; and only the method of the configs is fitted again."""
    rows = pd.DataFrame(calibration.calibration_rows(run.root))
    said = GradedPredictions.of_run(other, "test")
    for h, attribute in enumerate(said.schema):
        graded = said.grades[:, h] >= 0
        expected = calibration_error(said.probabilities[graded, h, : attribute.grades], said.grades[graded, h])
        row = rows[(rows["attribute"] == attribute.name) & (rows["method"] == METHOD)]
        assert row["error"].item() == pytest.approx(expected, abs=1e-4)
    trained = rows[rows["method"] == "none"]
    assert (trained["error"] == trained["before"]).all()
    assert (rows["refit_missed"].notna() == (rows["method"] == "cumulative")).all()
    assert rows["refit_missed"].dropna().between(0, 1).all()


def test_gains_are_differences_of_metrics_on_validation_photos(run):
    """Compared with the metrics of both tables, for one run."""
    found = calibration.gains([run.root])
    tables = [recalibrated.recalibrate([run.root], method)[0] for method in ("cumulative", "none")]
    schema = as_trained(run.root, "val").schema
    after, before = (GradedPredictions.load(table / "predictions_val.csv", schema) for table in tables)
    heads = [h for h, attribute in enumerate(schema) if attribute.ordinal]
    expected = np.mean([p_recall(after, h) - p_recall(before, h) for h in heads])
    assert found["p_recall"][0] == pytest.approx(expected)
    assert expected != 0


def p_recall(said, head):
    """Credit 1 for the true grade, 0.5 one grade off and 0.5 less for each further: the mean over true grades."""
    graded = said.grades[:, head] >= 0
    true, decided = said.grades[graded, head], said.decisions[graded, head]
    off = abs(true - decided)
    credit = np.select([off == 0, off == 1], [1, 0.5], -0.5 * (off - 1))
    return np.mean([credit[true == grade].mean() for grade in np.unique(true)])


def test_validation_photos_are_not_calibrated_on_their_own_half(run, photos, tmp_path):
    (beside,) = recalibrated.recalibrate([run.root], METHOD)
    before = pd.read_csv(beside / "predictions_val.csv").set_index("image")
    val = as_trained(run.root, "val")
    first = recalibrated.first_half(val.units)
    assert 0 < first.sum() < len(first)
    changed = RunFolder(tmp_path / "changed")
    shutil.copytree(run.root, changed.root)
    table = pd.read_csv(run.predictions("val"))
    for attribute in val.schema:  # sets all grades of one half to the lowest
        true = table[attribute.true_column].astype("Int64")
        table[attribute.true_column] = true.mask(first, 0 * true)
    table.to_csv(changed.predictions("val"), index=False)
    (anew,) = recalibrated.recalibrate([changed.root], METHOD)
    after = pd.read_csv(anew / "predictions_val.csv").set_index("image")
    stated = [name for attribute in val.schema for name in attribute.probability_columns]
    halves = [val.table["image"][half] for half in (first, ~first)]
    pd.testing.assert_frame_equal(after.loc[halves[0], stated], before.loc[halves[0], stated])
    assert (after.loc[halves[1], stated] - before.loc[halves[1], stated]).abs().to_numpy().max() > 1e-3
