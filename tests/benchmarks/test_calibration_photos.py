"""Calibrations fitted to groups of ever more persons."""

import calibration_photos
import numpy as np
import pandas as pd
import pytest
import torch
from as_trained import as_trained
from calibration_photos import group_rows, of_units
from recalibrated import Fit, graded
from tables import scores

from multiskin.calibration import GradedProbabilities
from multiskin.inference.evaluate import evaluate
from multiskin.inference.predictor import Predictor
from multiskin.metrics.functional import ranked_probability_score
from multiskin.run import RunFolder


@pytest.fixture
def drawn():
    """Six persons with two photos each, graded for the first attribute; the first of each for the second one too."""
    random = np.random.default_rng(0)
    probabilities = np.zeros((12, 2, 5))
    probabilities[:, 0], probabilities[:, 1, :3] = random.dirichlet(np.ones(5), 12), random.dirichlet(np.ones(3), 12)
    grades = np.stack([random.integers(0, 5, 12), random.integers(0, 3, 12)], axis=1)
    grades[1::2, 1] = -1
    return GradedProbabilities(probabilities, grades, np.repeat(np.arange(6), 2))


@pytest.fixture
def run(runs, photos):
    run = RunFolder(runs[0])
    evaluate(Predictor.from_checkpoint(run.best, "cpu"), photos.side("test")).table().to_csv(
        run.predictions("test"), index=False
    )
    return run.root


def test_groups_have_whole_persons_and_share_none(drawn):
    parts = [of_units(drawn, first, first + 2) for first in (0, 2, 4)]
    assert [sorted(set(part.units)) for part in parts] == [[0, 1], [2, 3], [4, 5]]
    np.testing.assert_array_equal(np.concatenate([part.grades for part in parts]), drawn.grades)


def test_every_head_is_judged_with_every_group(run, drawn, schema, monkeypatch):
    monkeypatch.setattr(calibration_photos, "more_photos", lambda *_: drawn)
    rows = pd.DataFrame(group_rows(run, (2, 6)))
    assert rows.groupby(["persons", "attribute"], sort=False).size().to_dict() == {
        (2, "shine"): 3,
        (2, "lines"): 3,
        (6, "shine"): 1,
        (6, "lines"): 1,
    }
    photos = rows.groupby(["persons", "attribute"])["photos"].first()
    assert (photos[2, "shine"], photos[2, "lines"], photos[6, "shine"], photos[6, "lines"]) == (4, 2, 12, 6)
    assert rows.groupby("persons")["error"].nunique().tolist() == [6, 2]


def test_photos_that_are_not_drawn_are_no_more(run):
    with pytest.raises(SystemExit, match="its photos are not drawn, so there are no more"):
        list(group_rows(run, (2,)))


def test_scores_are_of_the_graded_photos_that_judge(run, drawn, monkeypatch):
    """Against the metric of the same predictions, calibrated by hand."""
    monkeypatch.setattr(calibration_photos, "more_photos", lambda *_: drawn)
    row = next(row for row in group_rows(run, (6,)) if row["attribute"] == "lines")
    test = graded(as_trained(run, "test"))
    known = test.grades[:, 1] >= 0
    own = Fit.of_run(run)("cumulative", drawn)["lines"](torch.from_numpy(test.probabilities[known, 1, :3]))
    expected = ranked_probability_score(own, torch.from_numpy(test.grades[known, 1])).mean()
    assert row["rps"] == pytest.approx(expected.item())


def test_the_table_has_a_row_for_each_number_of_persons():
    rows = pd.DataFrame(
        {
            "persons": [80, 80, 320, 320],
            "attribute": ["shine", "lines"] * 2,
            "photos": [80.0, 400.0, 320.0, 1600.0],
            "error": [0.04, 0.06, 0.03, 0.05],
            "met": [0.5, 0.75, 1.0, 0.75],
            "rps": [0.1, 0.2, 0.1, 0.19],
        }
    )
    source = {"groups": {"80": 4, "320": 1}, "runs": 3, "command": "python a.py", "machine": "x"}
    lines = scores.calibration_photos(source, rows)
    assert "| 80 | 80 to 400 | 0.050 | 62% | 0.1500 |" in lines
    assert "| 320 | 320 to 1600 | 0.040 | 88% | 0.1450 |" in lines
    assert lines[-1].startswith("Means over 2 attributes, 3 runs and groups of persons (4 of 80, 1 of 320).")
