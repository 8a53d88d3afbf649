"""Fits match slow searches for the optimum, and correct distorted probabilities."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from multiskin.calibration import METHODS, Calibrator, GradedProbabilities, fit_calibrator, fit_calibrators
from multiskin.calibration.fitting import WEIGHT_BOUNDS, prior_shift
from multiskin.calibration.shares import importance_weights, natural_shares
from multiskin.decisions import expected_credit
from multiskin.losses import create_loss
from multiskin.metrics.calibration import calibration_error, log_loss, noise_floor
from multiskin.metrics.functional import credit_matrix
from multiskin.schema import Attribute, Schema

ALPHA = np.array([2.0, 1.0, 0.6, 0.4, 0.2])


def world(photos: int, k: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """True probabilities (N, K) and grades (N,) drawn from them."""
    random = np.random.default_rng(seed)
    true = random.dirichlet(ALPHA[:k], photos)
    return true, (random.random((photos, 1)) >= true.cumsum(axis=1)[:, :-1]).sum(axis=1)


def sharpened(true: np.ndarray, power: np.ndarray | float) -> np.ndarray:
    powered = true**power
    return powered / powered.sum(axis=1, keepdims=True)


def even(k: int) -> np.ndarray:
    return np.full(k, 1 / k)


def shares_of(grades: np.ndarray, k: int) -> np.ndarray:
    """Those of the photos and of one more with each grade, so that none is 0."""
    return (np.bincount(grades, minlength=k) + 1) / (len(grades) + k)


def fit(method: str, probabilities: np.ndarray, grades: np.ndarray) -> Calibrator:
    same = shares_of(grades, probabilities.shape[1])
    return fit_calibrator(method, probabilities, grades, same, same)


def loss(weight: np.ndarray, bias: np.ndarray, rows: np.ndarray, grades: np.ndarray, parameters: np.ndarray) -> float:
    """The negative log posterior up to a constant, as a loop."""
    total = sum(change**2 for change in parameters) / (2 * 0.5**2)
    counts = importance_weights(grades, shares_of(grades, len(weight)))
    for row, grade, count in zip(rows, grades, counts, strict=True):
        logits = [w * math.log(p) + b for w, p, b in zip(weight, row, bias, strict=True)]
        total += count * (math.log(sum(math.exp(logit) for logit in logits)) - logits[grade])
    return total


@pytest.mark.parametrize(("k", "power"), [(2, 0.5), (5, 1.0), (5, 3.0)])
def test_the_temperature_matches_a_grid_search(k: int, power: float) -> None:
    true, grades = world(60, k)
    probabilities = sharpened(true, power)
    grid = np.linspace(*WEIGHT_BOUNDS, 400)
    losses = [loss(np.full(k, w), np.zeros(k), probabilities[:9], grades[:9], np.array([w - 1])) for w in grid]
    found = fit("temperature", probabilities[:9], grades[:9])
    assert found.weight[0] == pytest.approx(
        grid[int(np.argmin(losses))], abs=(WEIGHT_BOUNDS[1] - WEIGHT_BOUNDS[0]) / 399
    )
    assert set(found.weight) == {found.weight[0]}
    assert found.bias == (0,) * k


@pytest.mark.parametrize(("method", "weights"), [("bias_corrected", 1), ("vector", 3)])
def test_methods_with_several_parameters_match_another_optimizer(method: str, weights: int) -> None:
    true, grades = world(20, 3)
    probabilities = sharpened(true, np.array([2.0, 1.0, 0.7]))

    def of(parameters: np.ndarray) -> float:
        weight, bias = np.broadcast_to(1 + parameters[:weights], 3), parameters[weights:]
        return loss(weight, bias, probabilities, grades, parameters)

    options = {"maxiter": 4000, "xatol": 1e-6, "fatol": 1e-10}
    slow = minimize(of, np.zeros(weights + 3), method="Nelder-Mead", options=options).x
    found = fit(method, probabilities, grades)
    expected = [*np.broadcast_to(1 + slow[:weights], 3), *slow[weights:]]
    assert [*found.weight, *found.bias] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("power", [0.4, 2.5])
def test_over_and_underconfidence_are_corrected(method: str, power: float) -> None:
    true, grades = world(10000)
    raw = sharpened(true, power)
    calibrator = fit(method, raw[:8000], grades[:8000])
    fresh, later = calibrator(torch.from_numpy(raw[8000:])).numpy(), grades[8000:]
    assert np.mean(calibrator.weight) == pytest.approx(1 / power, rel=0.15)
    assert calibration_error(fresh, later) <= noise_floor(fresh).high
    assert calibration_error(fresh, later) < calibration_error(raw[8000:], later) / 2
    assert log_loss(fresh, later) < log_loss(raw[8000:], later)


@pytest.mark.parametrize("method", METHODS)
def test_balanced_sampling_is_corrected_to_the_natural_shares(method: str) -> None:
    """With known shares nothing is left to fit, so a handful of photos is enough."""
    true, grades = world(3000)
    natural = true.mean(axis=0)
    balanced = true / natural / (true / natural).sum(axis=1, keepdims=True)
    corrected = balanced * natural / (balanced * natural).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(corrected, true)
    few = fit_calibrator(method, balanced[:4], grades[:4], even(5), natural)
    found = few(torch.from_numpy(balanced)).numpy()
    assert log_loss(found, grades) < (log_loss(balanced, grades) + log_loss(true, grades)) / 2
    many = fit_calibrator(method, balanced, grades, even(5), natural)
    np.testing.assert_allclose(many(torch.from_numpy(balanced)).numpy(), true, atol=0.05)
    np.testing.assert_allclose(many.prior, np.bincount(grades) / 3000, atol=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_calibrating_on_one_photo_costs_hardly_any_credit(method: str) -> None:
    true, grades = world(3000)
    natural, credit = ALPHA / ALPHA.sum(), credit_matrix(5)

    def earned(probabilities: torch.Tensor, prior: torch.Tensor) -> float:
        decided = expected_credit(probabilities, prior, credit).numpy()
        return float(np.mean([credit[grade, decided[grades == grade]].mean() for grade in range(5)]))

    before = earned(torch.from_numpy(true), torch.from_numpy(natural))
    after = []
    for photo in range(20):
        calibrator = fit_calibrator(method, true[[photo]], grades[[photo]], natural, natural)
        after.append(earned(calibrator(torch.from_numpy(true)), torch.tensor(calibrator.prior, dtype=torch.float64)))
    assert np.mean(after) > before - 0.03  # with the mean over one photo as the prior, 0.13 would be lost


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(2, 5), st.sampled_from(sorted(METHODS)), st.integers(0, 999))
def test_any_few_photos_give_a_calibration(rows: int, k: int, method: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    sure = np.eye(k)[random.integers(0, k, rows)]  # with probabilities of 0, some for the true grade
    calibrator = fit(method, sure, random.integers(0, k, rows))
    assert np.isfinite([*calibrator.weight, *calibrator.bias]).all()
    assert all(WEIGHT_BOUNDS[0] <= weight <= WEIGHT_BOUNDS[1] for weight in calibrator.weight)
    assert calibrator.rows == rows
    assert sum(calibrator.prior) == pytest.approx(1)
    assert min(calibrator.prior) > 0  # every trained grade has a prior, whatever these photos are
    for found in (calibrator(torch.eye(k)), calibrator(torch.full((1, k), 1 / k))):
        torch.testing.assert_close(found.sum(dim=1), torch.ones(len(found)))


def test_one_photo_changes_little() -> None:
    right, wrong = (fit("temperature", np.array([[0.6, 0.3, 0.1]]), np.array([grade])) for grade in (0, 2))
    assert right.temperature is not None
    assert wrong.temperature is not None
    assert 0.5 < right.temperature < 1 < wrong.temperature < 2


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_photos_does_not_matter(method: str) -> None:
    true, grades = world(50)
    order = np.random.default_rng(1).permutation(50)
    one, other = fit(method, true**2, grades), fit(method, (true**2)[order], grades[order])
    assert fit(method, true**2, grades) == one
    np.testing.assert_allclose([*one.weight, *one.bias], [*other.weight, *other.bias], atol=1e-6)


NATURAL = np.array([0.45, 0.28, 0.15, 0.08, 0.04])
BLURRED = ["sord", "binomial_labels", "beta_labels"]


def graded_readings(photos: int, drawn: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True probabilities (N, 5) among the drawn photos, given a noisy reading of the grade, and the grades."""
    random = np.random.default_rng(seed)
    grades = random.choice(5, photos, p=NATURAL)
    readings = grades + 0.9 * random.normal(size=photos)
    likelihood = np.exp(-((readings[:, None] - np.arange(5)) ** 2) / 2 / 0.9**2)
    return drawn * likelihood / (drawn * likelihood).sum(axis=1, keepdims=True), grades


def calibrated_apart(method: str, raw: np.ndarray, grades: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, ...]:
    """Probabilities after and before calibration, and grades, of the half that it was not fitted to."""
    half = len(grades) // 2
    calibrator = fit_calibrator(method, raw[:half], grades[:half], drawn, NATURAL)
    return calibrator(torch.from_numpy(raw[half:])).numpy(), raw[half:], grades[half:]


def assert_mended(after: np.ndarray, before: np.ndarray, grades: np.ndarray) -> None:
    error, had = (calibration_error(of, grades) for of in (after, before))
    assert error <= had / 2 or error <= noise_floor(after, draws=100).high
    assert log_loss(after, grades) < log_loss(before, grades)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("power", [0.4, 2.5])
def test_overconfidence_under_balanced_sampling_is_corrected(method: str, power: float) -> None:
    """One temperature and the known shift suffice; with the shift first, no temperature would."""
    true_of_drawn, grades = graded_readings(8000, even(5), seed=1)
    after, before, later = calibrated_apart(method, sharpened(true_of_drawn, power), grades, even(5))
    assert_mended(after, before, later)
    truth = true_of_drawn[4000:] * NATURAL / (true_of_drawn[4000:] * NATURAL).sum(axis=1, keepdims=True)
    assert np.abs(after - truth).mean() < 0.01


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("loss", BLURRED)
@pytest.mark.parametrize("drawn", [NATURAL, even(5)], ids=["natural", "balanced"])
def test_soft_targets_are_corrected_for_a_perfect_network(method: str, loss: str, drawn: np.ndarray) -> None:
    """Cross entropy with soft targets T is minimal at the true probabilities of the drawn photos times T."""
    true_of_drawn, grades = graded_readings(8000, drawn, seed=2)
    target = create_loss(loss, Attribute("shine", 5), [1] * 5).target.double().numpy()
    assert_mended(*calibrated_apart(method, true_of_drawn @ target, grades, drawn))


def test_a_grade_that_was_never_drawn_stays_and_has_a_prior_of_0() -> None:
    drawn, natural = np.array([0.5, 0.5, 0.0]), np.array([0.8, 0.2, 0.0])
    np.testing.assert_allclose(prior_shift(drawn, natural), [math.log(1.6), math.log(0.4), 0])
    rows, grades = np.array([[0.5, 0.4, 0.1]] * 6), np.array([0, 0, 1, 0, 0, 2])
    for method in METHODS:
        calibrator = fit_calibrator(method, rows, grades, drawn, natural)
        assert calibrator.prior[2] == 0
        assert calibrator(torch.from_numpy(rows))[0, 2] > 0


@pytest.mark.parametrize("method", [method for method in METHODS if method != "temperature"])
def test_accidents_of_the_sample_are_not_calibrated_to(method: str) -> None:
    """Photos of two grades were left out at random; of those with the natural shares, probabilities are right."""
    true, grades = world(20000)
    natural = true.mean(axis=0)
    found = np.random.default_rng(1).random(20000) < np.array([1, 0.4, 1, 0.3, 1])[grades]
    calibrated = fit_calibrator(method, true[found], grades[found], natural, natural)(torch.from_numpy(true)).numpy()
    to_the_sample = fit(method, true[found], grades[found])(torch.from_numpy(true)).numpy()
    assert np.abs(calibrated - true).mean() < 0.01
    assert np.abs(to_the_sample - true).mean() > 0.02


def test_each_graded_head_gets_its_own_calibration() -> None:
    schema = Schema(
        (Attribute("shine", 5), Attribute("on", 2), Attribute("kind", 3, kind="nominal"), Attribute("left", 4))
    )
    true, grades = world(30)
    probabilities, given = np.zeros((30, 4, 5)), np.full((30, 4), -1)
    probabilities[:, 0], given[:20, 0] = true, grades[:20]
    probabilities[:, 1:, 0] = probabilities[:, 1:, 1] = 0.5
    given[5:, 2] = grades[5:] % 2
    drawn = np.zeros((4, 5))
    drawn[:, :2] = 0.5
    drawn[0] = 0.2
    counts = [[1] * 5, [3, 1], [2, 2, 0], [4, 4, 0, 0]]
    methods = {"shine": "vector", "on": "temperature", "kind": "temperature"}
    photos = GradedProbabilities(probabilities, given, np.arange(30))
    found = fit_calibrators(schema, methods, photos, drawn, counts)
    assert {name: calibrator.method for name, calibrator in found.items()} == {"shine": "vector", "kind": "temperature"}
    natural = natural_shares(grades[:20], np.ones(5), np.arange(20))
    assert found["shine"] == fit_calibrator("vector", true[:20], grades[:20], even(5), natural)
    assert (found["kind"].rows, len(found["kind"].weight)) == (25, 3)
