"""A calibrated model gives calibrated predictions everywhere, and its checkpoint keeps its other content."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from multiskin.calibration import Calibrator, fit_calibrator
from multiskin.calibration.shares import natural_shares
from multiskin.data.manifest import Manifest
from multiskin.decisions import decide
from multiskin.errors import UserError
from multiskin.inference.calibrate import calibrated, keep_calibration
from multiskin.inference.evaluate import evaluate, judge, network_probabilities
from multiskin.inference.predictor import Predictor
from multiskin.models.checkpoint import read_checkpoint, write_checkpoint
from multiskin.schema import MISSING, Attribute, Schema

SHINE = Calibrator("vector", (2.0, 1.0, 0.5, 1.0, 1.0), (0.0, 0.4, 0.0, -1.0, 0.5), (0.5, 0.2, 0.2, 0.1, 0.0), 30)
IMAGES = torch.linspace(-4, 4, 6)[:, None, None, None] + torch.randn(
    6, 3, 64, 64, generator=torch.Generator().manual_seed(1)
)


@pytest.fixture
def adjusted(predictor: Predictor) -> Predictor:
    """A model whose first head alone is calibrated."""
    return replace(predictor, calibrators={"shine": SHINE})


def test_predictions_are_calibrated_and_decided_with_the_prior_after_calibration(
    predictor: Predictor, adjusted: Predictor
) -> None:
    before, found = predictor.predict(IMAGES), adjusted.with_decisions({"shine": "credit"}).predict(IMAGES)
    expected = SHINE(torch.from_numpy(before.probabilities[:, 0]))
    np.testing.assert_allclose(found.probabilities[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(found.scores[:, 0], expected @ torch.arange(5.0), atol=1e-5)
    by_hand = decide("credit", expected, torch.tensor(SHINE.prior))
    assert found.grades[:, 0].tolist() == by_hand.tolist()
    assert not torch.equal(by_hand, decide("credit", expected, torch.full((5,), 0.2)))
    np.testing.assert_array_equal(found.probabilities[:, 1], before.probabilities[:, 1])
    np.testing.assert_array_equal(found.grades[:, 1], before.grades[:, 1])


def test_predict_logits_gives_the_same_as_predict(adjusted: Predictor, predictor: Predictor) -> None:
    with torch.no_grad():
        read = adjusted.predict_logits(adjusted.net(IMAGES).logits)
    for one, other in zip(read, adjusted.predict(IMAGES), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    again = adjusted.judge(torch.from_numpy(read.probabilities))  # as photos of one person are, put together
    np.testing.assert_array_equal(again.probabilities, read.probabilities)
    np.testing.assert_array_equal(adjusted.uncalibrated().predict(IMAGES).grades, predictor.predict(IMAGES).grades)


def test_other_decisions_change_the_named_heads_only(predictor: Predictor) -> None:
    found = predictor.with_decisions({"lines": "argmax"}).with_decisions({"shine": "expectation"}).predict(IMAGES)
    p = found.probabilities
    assert found.grades[:, 1].tolist() == p[:, 1].argmax(axis=1).tolist()
    assert found.grades[:, 0].tolist() == np.round(found.scores[:, 0]).tolist()


def test_an_invalid_decision_is_refused(predictor_of: Callable[[Schema], Predictor]) -> None:
    predictor = predictor_of(Schema((Attribute("kind", 4, kind="nominal"), Attribute("shine", 3))))
    assert predictor.with_decisions({"kind": "argmax"}).net is predictor.net
    for decisions, words in (
        ({"kind": "median"}, "needs ordered grades"),
        ({"shine": "mode"}, "unknown decision"),
        ({"shin": "median"}, "unknown attribute 'shin'"),
    ):
        with pytest.raises(UserError, match=words):
            predictor.with_decisions(decisions)


NEVER_LOWEST = ((0.0, 0.5, 0.0), (0.0, 1.0, 0.5), (0.0, 0.5, 1.0))


def test_other_credit_changes_the_named_heads_only(predictor: Predictor) -> None:
    before = predictor.predict(IMAGES)
    found = predictor.with_credit({"lines": NEVER_LOWEST}).predict(IMAGES)
    p = torch.from_numpy(found.probabilities[:, 1, :3])
    by_hand = decide("credit", p, torch.full((3,), 1 / 3), torch.tensor(NEVER_LOWEST))
    assert found.grades[:, 1].tolist() == by_hand.tolist()
    assert set(before.grades[:, 1].tolist()) > set(by_hand.tolist())
    np.testing.assert_array_equal(found.grades[:, 0], before.grades[:, 0])
    taken_back = predictor.with_credit({"lines": NEVER_LOWEST}).with_decisions({"lines": "median"}).predict(IMAGES)
    np.testing.assert_array_equal(taken_back.grades, before.grades)


def test_an_invalid_credit_is_refused(predictor_of: Callable[[Schema], Predictor]) -> None:
    predictor = predictor_of(Schema((Attribute("kind", 3, kind="nominal"), Attribute("shine", 3))))
    for name, credit, words in (
        ("kind", NEVER_LOWEST, "needs ordered grades"),
        ("shin", NEVER_LOWEST, "unknown attribute 'shin'"),
        ("shine", NEVER_LOWEST[:2], "credit: shine: give 3 rows"),
    ):
        with pytest.raises(UserError, match=words):
            predictor.with_credit({name: credit})


def test_an_evaluation_has_calibrated_and_uncalibrated_predictions(
    adjusted: Predictor, predictor: Predictor, manifest: Manifest
) -> None:
    found, before = (evaluate(of, manifest, num_workers=0) for of in (adjusted, predictor))
    assert before.uncalibrated is None
    assert found.uncalibrated is not None
    np.testing.assert_array_equal(found.uncalibrated.probabilities, before.prediction.probabilities)
    np.testing.assert_array_equal(found.uncalibrated.grades, before.prediction.grades)
    assert found.metrics["shine/rps"] != before.metrics["shine/rps"]
    assert found.metrics["lines/rps"] == before.metrics["lines/rps"]


def test_calibration_is_fitted_to_graded_photos_and_corrects_for_resampling(
    predictor: Predictor, checkpoint: Path, manifest: Manifest
) -> None:
    probabilities = network_probabilities(predictor, manifest, num_workers=0)
    found = calibrated(predictor, checkpoint, manifest, probabilities, {"lines": "temperature"})
    graded = manifest.grades[:, 1] != MISSING
    own, grades = probabilities[graded, 1, :3].numpy(), manifest.grades[graded, 1]
    natural = natural_shares(grades, np.ones(3), manifest.units[graded])
    expected = fit_calibrator("temperature", own, grades, np.full(3, 1 / 3), natural)
    assert set(found.calibrators) == {"lines"}
    assert found.calibrators["lines"].temperature == pytest.approx(expected.temperature, rel=1e-4)
    assert found.calibrators["lines"].rows == graded.sum()
    log_loss = [
        -np.log(np.maximum(p[graded, 1][np.arange(len(grades)), grades], 1e-30)).mean()
        for p in (judge(of, manifest, probabilities).prediction.probabilities for of in (found, predictor))
    ]
    assert log_loss[0] < log_loss[1]


def test_a_checkpoint_gets_the_calibration_and_keeps_the_rest(
    adjusted: Predictor, checkpoint: Path, tmp_path: Path
) -> None:
    path = tmp_path / "calibrated.ckpt"
    decided = adjusted.with_decisions({"shine": "expectation"}).with_credit({"lines": NEVER_LOWEST})
    assert not keep_calibration(decided, checkpoint, path)
    before, now = read_checkpoint(checkpoint), read_checkpoint(path)
    assert set(now) - set(before) == {"calibration", "decisions", "credit"}
    assert all(torch.equal(now["state_dict"][key], value) for key, value in before["state_dict"].items())
    again = Predictor.from_checkpoint(path, "cpu")
    assert (again.calibrators, again.credit) == ({"shine": SHINE}, {"lines": NEVER_LOWEST})
    assert again.decisions == {"shine": "expectation", "lines": "credit"}
    for one, other in zip(again.predict(IMAGES), decided.predict(IMAGES), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not keep_calibration(again.uncalibrated(), path, path)
    assert set(read_checkpoint(path)) == {*before, "decisions", "credit"}
    assert not keep_calibration(replace(again, decisions={}, credit={}), path, path)
    assert set(read_checkpoint(path)) == {*before, "calibration"}


def test_sets_of_grades_are_removed_if_the_calibration_changes(
    adjusted: Predictor, checkpoint: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model.ckpt"
    keep_calibration(adjusted, checkpoint, path)
    write_checkpoint(read_checkpoint(path) | {"conformal": {"coverage": 0.9}}, path)
    assert not keep_calibration(adjusted.with_decisions({"shine": "median"}), path, path)
    assert read_checkpoint(path)["conformal"] == {"coverage": 0.9}
    assert keep_calibration(adjusted.uncalibrated(), path, path)
    assert "conformal" not in read_checkpoint(path)


@pytest.mark.parametrize("content", [{"shine": {"weight": [1.0] * 5}}, {"shine": SHINE.to_dict() | {"a": 1}}, [1]])
def test_a_damaged_calibration_is_one_error(content: object, checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.ckpt"
    torch.save(torch.load(checkpoint, weights_only=True) | {"calibration": content}, path)
    with pytest.raises(UserError, match=r"damaged\.ckpt: damaged, or of another version"):
        Predictor.from_checkpoint(path)


@pytest.mark.parametrize(
    "content", [{"shine": 1}, {"shin": NEVER_LOWEST}, {"lines": NEVER_LOWEST[:2]}, [1], {"lines": [["a"] * 3] * 3}]
)
def test_a_damaged_credit_is_one_error(content: object, checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.ckpt"
    torch.save(torch.load(checkpoint, weights_only=True) | {"credit": content}, path)
    with pytest.raises(UserError, match=r"damaged\.ckpt: damaged, or of another version"):
        Predictor.from_checkpoint(path)


def test_soft_targets_do_not_change_the_drawn_shares(
    predictor_of: Callable[[Schema], Predictor], manifest: Manifest, tmp_path: Path
) -> None:
    """The prior is the sampler's distribution without the soft targets' smoothing, which the temperature undoes."""
    predictor_of(manifest.schema)
    path = tmp_path / "model.ckpt"
    content = read_checkpoint(path)
    first, second = content["blueprint"]["recipes"]
    content["blueprint"]["recipes"] = [first | {"loss": "sord"}, second | {"resample": "balanced"}]
    content["blueprint"]["counts"] = [[50, 20, 15, 10, 5], [6, 3, 1]]
    write_checkpoint(content, path)
    predictor = Predictor.from_checkpoint(path, "cpu")
    probabilities = network_probabilities(predictor, manifest, num_workers=0)
    methods = dict.fromkeys(manifest.schema.names, "bias_corrected")
    found = calibrated(predictor, path, manifest, probabilities, methods).calibrators
    drawn = [np.array([0.5, 0.2, 0.15, 0.1, 0.05]), np.full(3, 1 / 3)]
    for h, (attribute, counts) in enumerate(zip(manifest.schema, content["blueprint"]["counts"], strict=True)):
        graded, k = manifest.grades[:, h] != MISSING, attribute.grades
        own, grades = probabilities[graded, h, :k].numpy(), manifest.grades[graded, h]
        natural = natural_shares(grades, np.array(counts), manifest.units[graded])
        expected = fit_calibrator("bias_corrected", own, grades, drawn[h], natural)
        np.testing.assert_allclose(found[attribute.name].bias, expected.bias, atol=1e-4)
