"""A calibration survives a checkpoint, and gives probabilities for any network output."""

import io
import json
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.calibration import Calibrator, CutScaling, calibrate_heads

HALVED = Calibrator("temperature", (0.5,) * 3, (0.0,) * 3, (0.2, 0.3, 0.5), 40)
UNEVEN = Calibrator("vector", (0.5, 1.0, 2.0), (0.3, -0.2, 0.0), (0.2, 0.3, 0.5), 40)
CUT = replace(HALVED, method="cumulative", cuts=CutScaling((0.5, 2.0), (0.3, 1.5)))


def loop(calibrator: Calibrator, row: list[float]) -> list[float]:
    """The normalized exp(weight log p + bias), as a loop."""
    terms = [math.exp(b) * p**w for p, w, b in zip(row, calibrator.weight, calibrator.bias, strict=True)]
    return [term / sum(terms) for term in terms]


@pytest.mark.parametrize("calibrator", [HALVED, UNEVEN])
@settings(max_examples=50, deadline=None)
@given(shares=st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
def test_it_is_a_power_of_each_probability_times_a_factor(calibrator: Calibrator, shares: list[float]) -> None:
    row = [share / sum(shares) for share in shares]
    found = calibrator(torch.tensor([row], dtype=torch.float64))[0]
    assert found.tolist() == pytest.approx(loop(calibrator, row))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@settings(max_examples=30, deadline=None)
@given(logits=st.lists(st.floats(-1e4, 1e4), min_size=3, max_size=3))
def test_any_logits_give_probabilities(dtype: torch.dtype, logits: list[float]) -> None:
    raw = torch.tensor([logits]).softmax(dim=1).to(dtype)
    for calibrator in (HALVED, UNEVEN, replace(UNEVEN, weight=(20.0, 0.05, 20.0)), CUT):
        found = calibrator(raw)
        assert found.dtype == dtype
        assert (found >= 0).all()
        assert found.double().sum().item() == pytest.approx(1, abs=10 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("calibrator", [HALVED, CUT])
def test_certainty_stays_and_nan_gives_nan(calibrator: Calibrator) -> None:
    rows = torch.tensor([[0.0, 1.0, 0.0], [torch.nan, 0.5, 0.5], [0.5, 0.5, torch.nan]])
    found = calibrator(rows)
    assert found[0].tolist() == pytest.approx([0, 1, 0], abs=1e-8)
    assert found[1:].isnan().all()
    assert calibrator(rows[:0]).shape == (0, 3)


def test_the_cuts_are_scaled_after_the_grades() -> None:
    rows = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]], dtype=torch.float64)
    assert CUT.cuts is not None
    torch.testing.assert_close(CUT(rows), CUT.cuts(HALVED(rows)))
    assert CUT.temperature is None  # since there are other parameters


def test_heads_calibrated_together_are_calibrated_as_each_alone() -> None:
    two = Calibrator("vector", (0.5, 2.0), (0.1, -0.1), (0.5, 0.5), rows=9)
    calibrators = [CUT, None, HALVED, two, CUT, UNEVEN]
    probabilities = torch.rand(7, len(calibrators), 3, generator=torch.Generator().manual_seed(0))
    probabilities[:, 3, 2] = 0  # this head has two grades
    probabilities /= probabilities.sum(dim=2, keepdim=True)
    before = probabilities.clone()
    found = calibrate_heads(probabilities, calibrators)
    for h, calibrator in enumerate(calibrators):
        own = probabilities[:, h, : len(calibrator.weight) if calibrator else 3]
        torch.testing.assert_close(found[:, h, : own.shape[1]], calibrator(own) if calibrator else own, rtol=0, atol=0)
    assert (found[:, 3, 2] == 0).all()
    assert torch.equal(probabilities, before)


def test_a_temperature_above_1_lowers_confidence_and_keeps_the_order() -> None:
    raw = torch.tensor([[0.7, 0.2, 0.1]])
    found = HALVED(raw)[0].tolist()
    assert HALVED.temperature == 2
    assert UNEVEN.temperature is None
    assert 0.7 > found[0] > found[1] > found[2] > 0.1


@pytest.mark.parametrize("calibrator", [UNEVEN, CUT])
def test_survives_a_checkpoint_loaded_with_weights_only(calibrator: Calibrator) -> None:
    file = io.BytesIO()
    torch.save(calibrator.to_dict(), file)
    file.seek(0)
    assert Calibrator.from_dict(torch.load(file, weights_only=True)) == calibrator
    assert Calibrator.from_dict(json.loads(json.dumps(calibrator.to_dict()))) == calibrator


def test_without_cuts_the_stored_form_has_no_cuts() -> None:
    lists = {"weight": [0.5, 1.0, 2.0], "bias": [0.3, -0.2, 0.0], "prior": [0.2, 0.3, 0.5]}
    assert UNEVEN.to_dict() == {"method": "vector", "rows": 40} | lists


@pytest.mark.parametrize(
    "cuts",
    [
        {"slope": [1.0], "intercept": [0.0]},
        {"slope": [1.0, 1.0], "intercept": [0.0]},
        {"slope": [1.0, 1.0], "intercept": [0.0, "a"]},
        {"slope": [1.0, 1.0], "intercept": [0.0, None]},
        {"slope": [1.0, 1.0]},
        [],
    ],
)
def test_cuts_of_the_wrong_number_or_type_are_refused(cuts: object) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        Calibrator.from_dict(CUT.to_dict() | {"cuts": cuts})
