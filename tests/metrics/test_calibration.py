"""The calibration error follows its definition, and the noise floor is that of perfect probabilities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.metrics.calibration import (
    ToEvents,
    calibration_error,
    classes,
    cuts,
    log_loss,
    noise_floor,
    reliability,
)


def photos(number: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities with many ties, and grades that are independent of them."""
    random = np.random.default_rng(seed)
    shares = random.integers(0, 4, (number, k)) + np.eye(k)[random.integers(0, k, number)]
    return shares / shares.sum(axis=1, keepdims=True), random.integers(0, k, number)


def loop_error(probabilities: np.ndarray, grades: np.ndarray, ordinal: bool) -> float:
    """Event by event and bin by bin; a photo's bin depends on how many have a lower prediction."""
    number, k = probabilities.shape
    bins = min(10, max(number // 10, 1))
    total, events = 0.0, range(k - 1) if ordinal else range(k)
    for q in events:
        predicted = [float(sum(row[q + 1 :]) if ordinal else row[q]) for row in probabilities]
        observed = [bool(grade > q if ordinal else grade == q) for grade in grades]
        places = [sum(other < one - 1e-12 for other in predicted) * bins // number for one in predicted]
        for place in range(bins):
            here = [i for i in range(number) if places[i] == place]
            if here:
                gap = sum(predicted[i] for i in here) / len(here) - sum(observed[i] for i in here) / len(here)
                total += abs(gap) * len(here) / number
    return total / len(events)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 70), st.integers(2, 6), st.integers(0, 999))
def test_the_error_equals_a_loop(number: int, k: int, seed: int) -> None:
    probabilities, grades = photos(number, k, seed)
    probabilities = np.round(probabilities * 2**30) / 2**30  # so that sums are exact and ties remain ties
    assert calibration_error(probabilities, grades) == pytest.approx(loop_error(probabilities, grades, ordinal=True))
    assert calibration_error(probabilities, grades, classes) == pytest.approx(
        loop_error(probabilities, grades, ordinal=False)
    )


@pytest.mark.parametrize("to_events", [cuts, classes])
def test_the_order_of_photos_does_not_matter(to_events: ToEvents) -> None:
    probabilities, grades = photos(90, 4, 0)
    order = np.random.default_rng(1).permutation(90)
    error = calibration_error(probabilities, grades, to_events)
    assert 0 < error < 1
    assert calibration_error(probabilities[order], grades[order], to_events) == pytest.approx(error)


def test_the_error_of_certain_predictions_is_how_wrong_they_are() -> None:
    grades = np.arange(50) % 5
    assert calibration_error(np.eye(5)[grades], grades) == 0
    assert calibration_error(np.eye(5)[4 - grades], grades) == pytest.approx(0.6)  # mean distance 2.4 of 4 cuts
    assert calibration_error(np.eye(2)[1 - grades % 2], grades % 2) == 1


@pytest.mark.parametrize("to_events", [cuts, classes])
@pytest.mark.parametrize("k", [2, 5])
def test_perfect_probabilities_lie_within_the_noise_floor_nineteen_times_in_twenty(to_events: ToEvents, k: int) -> None:
    random = np.random.default_rng(3)
    probabilities = random.dirichlet(np.ones(k), 150)
    floor = noise_floor(probabilities, to_events, draws=400)
    assert floor.low < floor.value < floor.high
    errors = []
    for _ in range(300):
        grades = (probabilities.cumsum(axis=1)[:, :-1] < random.random((150, 1))).sum(axis=1)
        errors.append(calibration_error(probabilities, grades, to_events))
    assert np.mean(errors) == pytest.approx(floor.value, rel=0.03)
    assert np.mean([floor.low <= error <= floor.high for error in errors]) == pytest.approx(0.95, abs=0.035)


def test_an_overconfident_model_lies_above_the_floor_and_more_photos_lower_it() -> None:
    random = np.random.default_rng(4)
    true = random.dirichlet(np.ones(5), 2000)
    grades = (random.random((2000, 1)) >= true.cumsum(axis=1)[:, :-1]).sum(axis=1)
    sure = true**4 / (true**4).sum(axis=1, keepdims=True)
    assert calibration_error(sure, grades) > 2 * noise_floor(sure, draws=100).high
    assert noise_floor(true, draws=100).value < noise_floor(true[:200], draws=100).value / 2
    assert noise_floor(true, draws=20, seed=1) == noise_floor(true, draws=20, seed=1)
    assert noise_floor(true, draws=20, seed=1) != noise_floor(true, draws=20, seed=2)


def test_without_photos_there_is_no_error() -> None:
    nothing, nobody = np.zeros((0, 4)), np.zeros(0, np.int64)
    assert np.isnan(calibration_error(nothing, nobody))
    assert np.isnan(noise_floor(nothing)).all()
    assert np.isnan(log_loss(nothing, nobody))
    assert reliability(cuts(nothing, nobody)) == []


def test_the_diagram_puts_every_event_into_a_bin() -> None:
    probabilities, grades = photos(70, 4, 5)
    events = cuts(probabilities, grades)
    bins = reliability(events)
    assert sum(each.size for each in bins) == 70 * 3
    assert sum(each.observed * each.size for each in bins) == pytest.approx(events.observed.sum())
    pairs = list(zip(events.predicted.ravel().tolist(), events.observed.ravel().tolist(), strict=True))
    tenths = [[(p, yes) for p, yes in pairs if min(int(p * 10), 9) == tenth] for tenth in range(10)]
    expected = [tuple(np.mean(each, axis=0)) for each in tenths if each]
    assert [each[:2] for each in bins] == [pytest.approx(means) for means in expected]


def test_the_log_loss_is_finite_if_the_true_grade_has_probability_0() -> None:
    probabilities = np.array([[0.5, 0.5], [1.0, 0.0]])
    assert log_loss(probabilities, np.array([0, 0])) == pytest.approx(np.log(2) / 2)
    assert 40 < log_loss(probabilities, np.array([0, 1])) < 50
