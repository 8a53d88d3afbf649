"""An evaluation counts each photo and each given grade once, and ignores missing grades."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from multiskin.data.images import ImageError, read_image
from multiskin.data.manifest import Manifest
from multiskin.inference.evaluate import Evaluation, evaluate
from multiskin.inference.predictor import Predictor
from multiskin.metrics.ordinal import GradeMetrics
from multiskin.schema import MISSING, Attribute, Schema


@pytest.fixture(scope="module")
def evaluation(predictor: Predictor, manifest: Manifest) -> Evaluation:
    return evaluate(predictor, manifest, batch_size=5, num_workers=0)


def test_metrics_equal_those_of_single_photos(evaluation: Evaluation, predictor: Predictor, manifest: Manifest) -> None:
    metrics = GradeMetrics(manifest.schema)
    confusion = np.zeros((2, 5, 5), int)
    for row, grades in enumerate(manifest.grades):
        one = predictor.predict_photo(read_image(manifest.path(row)))
        metrics.update(
            torch.from_numpy(one.probabilities), torch.from_numpy(one.grades), torch.from_numpy(grades).unsqueeze(0)
        )
        for h, grade in enumerate(grades):
            if grade != MISSING:
                confusion[h, grade, one.grades[0, h]] += 1
    np.testing.assert_array_equal(evaluation.confusion, confusion)
    expected = {key: value.item() for key, value in metrics.compute().items()}
    assert evaluation.metrics == pytest.approx(expected, abs=1e-4, nan_ok=True)
    assert evaluation.metrics["lines/n"] == (manifest.grades[:, 1] != MISSING).sum()


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (100, 2)])
def test_batches_and_workers_change_nothing(
    batch_size: int, workers: int, evaluation: Evaluation, predictor: Predictor, manifest: Manifest
) -> None:
    again = evaluate(predictor, manifest, batch_size, workers)
    np.testing.assert_allclose(again.prediction.probabilities, evaluation.prediction.probabilities, atol=1e-4)
    assert again.metrics == pytest.approx(evaluation.metrics, abs=1e-4, nan_ok=True)


def test_the_table_has_one_row_per_photo(evaluation: Evaluation, manifest: Manifest) -> None:
    table = evaluation.table()
    shine, lines = [f"shine_p{grade}" for grade in range(5)], [f"lines_p{grade}" for grade in range(3)]
    of_shine = ["shine_true", "shine", "shine_score", *shine]
    assert list(table) == ["row", "image", "subject", *of_shine, "lines_true", "lines", "lines_score", *lines]
    assert table["row"].tolist() == manifest.rows.tolist()
    assert table["image"].tolist() == manifest.paths.tolist()
    assert manifest.subject is not None
    assert table["subject"].tolist() == manifest.subject.tolist()
    assert table["lines_true"].fillna(MISSING).tolist() == manifest.grades[:, 1].tolist()
    assert table["lines_true"].isna().any()
    np.testing.assert_allclose(table[shine].sum(axis=1), 1, atol=1e-5)
    scores = table["lines_p1"] + 2 * table["lines_p2"]
    np.testing.assert_allclose(table["lines_score"], scores, atol=1e-5)


def test_metrics_of_an_ungraded_attribute_are_null_and_others_are_not(predictor: Predictor, manifest: Manifest) -> None:
    grades = manifest.grades.copy()
    grades[:, 1] = MISSING
    evaluation = evaluate(predictor, replace(manifest, grades=grades), num_workers=0)
    content = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert content["photos"] == len(manifest)
    assert content["heads"]["lines"]["n"] == 0
    assert content["heads"]["lines"]["p_recall"] is None
    assert content["heads"]["lines"]["confusion"] == [[0] * 3] * 3
    assert content["mean"]["p_recall"] == content["heads"]["shine"]["p_recall"] is not None
    assert np.sum(content["heads"]["shine"]["confusion"]) == content["heads"]["shine"]["n"] > 0
    assert evaluation.table()["lines_true"].isna().all()


def test_without_any_grade_all_metrics_are_null(predictor: Predictor, manifest: Manifest) -> None:
    ungraded = replace(manifest, grades=np.full_like(manifest.grades, MISSING))
    content = json.loads(json.dumps(evaluate(predictor, ungraded, num_workers=0).to_dict(), allow_nan=False))
    assert set(content["mean"].values()) == {None}


def test_nominal_attributes_alone(predictor_of: Callable[[Schema], Predictor], manifest: Manifest) -> None:
    schema = Schema((Attribute("shine", 5, kind="nominal"), Attribute("lines", 3, kind="nominal")))
    evaluation = evaluate(predictor_of(schema), replace(manifest, schema=schema), num_workers=0)
    content = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    measured = {"accuracy", "balanced_accuracy", "macro_f1"}
    assert set(content["mean"]) == measured
    assert set(content["heads"]["lines"]) == measured | {"n", "confusion"}
    assert not [column for column in evaluation.table() if str(column).endswith("_score")]


def test_a_second_rater_is_evaluated_against_the_first(predictor: Predictor, manifest: Manifest) -> None:
    second = np.where(manifest.grades == MISSING, 1, np.abs(manifest.grades - 1))  # 0 becomes 1, any other one less
    second[0] = MISSING  # the first photo was graded once only
    evaluation = evaluate(predictor, replace(manifest, second_grades=second), num_workers=0)
    both = manifest.grades[1:, 0][manifest.grades[1:, 0] != MISSING]
    assert evaluation.second_rater["shine/n"] == len(both)
    assert evaluation.second_rater["shine/mae"] == 1
    assert evaluation.second_rater["shine/p_recall"] == 0.5  # the credit of the next grade
    assert evaluation.to_dict()["second_rater"]["shine"]["accuracy"] == 0


def test_without_a_second_rater_there_are_no_metrics_of_one(evaluation: Evaluation) -> None:
    assert evaluation.second_rater == {}
    assert "second_rater" not in evaluation.to_dict()


def test_the_error_for_a_missing_photo_names_it(predictor: Predictor, manifest: Manifest) -> None:
    paths = manifest.paths.copy()
    paths[3] = "images/gone.png"
    with pytest.raises(ImageError, match=r"images.gone\.png: no such file"):
        evaluate(predictor, replace(manifest, paths=paths), num_workers=0)
