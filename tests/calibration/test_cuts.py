"""Scaling at cuts matches loops, is optimal, and corrects what scaling of single grades cannot."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from multiskin.calibration import CutScaling, GradedProbabilities, fit_calibrator, fit_calibrators, require_method
from multiskin.calibration.shares import importance_weights
from multiskin.errors import UserError
from multiskin.metrics.calibration import calibration_error, log_loss, noise_floor
from multiskin.schema import Attribute, Schema

NATURAL = np.array([0.45, 0.28, 0.15, 0.08, 0.04])
NO_CHANGE = CutScaling((1.0,) * 4, (0.0,) * 4)
CROSSING = CutScaling((1.0, 0.5, 2.0, 0.5), (-2.0, 1.0, 0.0, 2.0))

Rows = st.lists(st.floats(0.001, 1), min_size=5, max_size=5)


def normalised(shares: list[float]) -> list[float]:
    return [share / sum(shares) for share in shares]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def scaled(scaling: CutScaling, row: list[float]) -> list[float]:
    """P(grade > k) at each cut, unsorted."""
    higher = [sum(row[k + 1 :]) for k in range(len(row) - 1)]
    numbers = zip(scaling.slope, scaling.intercept, higher, strict=True)
    return [sigmoid(slope * math.log(p / (1 - p)) + intercept) for slope, intercept, p in numbers]


def true_of_readings(photos: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True probabilities (N, 5) given a noisy reading of the grade, and the grades (N,)."""
    random = np.random.default_rng(seed)
    grades = random.choice(5, photos, p=NATURAL)
    readings = grades + 0.9 * random.normal(size=photos)
    weights = NATURAL * np.exp(-((readings[:, None] - np.arange(5)) ** 2) / 2 / 0.9**2)
    return weights / weights.sum(axis=1, keepdims=True), grades


def fit(method: str, probabilities: np.ndarray, grades: np.ndarray) -> tuple[np.ndarray, CutScaling | None]:
    """The calibrated probabilities of the same photos, whose shares of grades are the natural ones, and the cuts."""
    same = np.bincount(grades, minlength=probabilities.shape[1]) / len(grades)
    calibrator = fit_calibrator(method, probabilities, grades, same, same)
    return calibrator(torch.from_numpy(probabilities)).numpy(), calibrator.cuts


@pytest.mark.parametrize("scaling", [NO_CHANGE, CROSSING])
@settings(max_examples=50, deadline=None)
@given(shares=Rows)
def test_each_cut_is_scaled_separately_and_the_result_sorted(scaling: CutScaling, shares: list[float]) -> None:
    row = normalised(shares)
    higher = [1.0, *sorted(scaled(scaling, row), reverse=True), 0.0]
    expected = [before - after for before, after in pairwise(higher)]
    found = scaling(torch.tensor([row], dtype=torch.float64))[0]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(shares=Rows, truth=Rows)
def test_sorting_takes_the_cuts_no_further_from_the_truth(shares: list[float], truth: list[float]) -> None:
    row, true = normalised(shares), normalised(truth)
    right = [sum(true[k + 1 :]) for k in range(4)]
    found = CROSSING(torch.tensor([row], dtype=torch.float64))[0].tolist()
    after = [sum(found[k + 1 :]) for k in range(4)]
    before = scaled(CROSSING, row)
    assert math.dist(after, right) <= math.dist(before, right) + 1e-12


def test_identity_scaling_keeps_even_the_smallest_probabilities() -> None:
    rows = torch.tensor([[1 - 3e-20, 1e-20, 1e-20, 5e-21, 5e-21], [1e-30, 1e-20, 0.5, 0.5, 0]], dtype=torch.float64)
    found = NO_CHANGE(rows)
    torch.testing.assert_close(found, rows, atol=1e-15, rtol=0)
    assert found[0, 4].item() == pytest.approx(5e-21)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3),
    st.lists(st.floats(0.05, 20), min_size=2, max_size=2),
    st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2),
)
def test_any_scaling_gives_probabilities(logits: list[float], slope: list[float], intercept: list[float]) -> None:
    row = torch.tensor([logits], dtype=torch.float64).softmax(dim=1)
    found = CutScaling(tuple(slope), tuple(intercept))(row)
    assert (found >= 0).all()
    assert found.sum().item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("k", [2, 4])
def test_each_cut_matches_another_optimizer(k: int) -> None:
    true, grades = true_of_readings(40, seed=1)
    rows, grades = np.c_[true[:, : k - 1], true[:, k - 1 :].sum(axis=1)], np.minimum(grades, k - 1)
    before, _ = fit("bias_corrected", rows, grades)
    _, cuts = fit("cumulative", rows, grades)
    assert cuts is not None
    for cut in range(k - 1):

        def loss(of: np.ndarray, cut: int = cut) -> float:
            """The loss of a logistic regression (slope, intercept) with a normal prior centred on (1, 0)."""
            total = ((of[0] - 1) ** 2 + of[1] ** 2) / 2 / 0.5**2
            for row, grade in zip(before, grades, strict=True):
                higher = sum(row[cut + 1 :])
                z = of[0] * math.log(higher / (1 - higher)) + of[1]
                total += math.log(1 + math.exp(-z if grade > cut else z))
            return total

        slow = minimize(loss, [1.0, 0.0], method="Powell", options={"xtol": 1e-8, "ftol": 1e-12}).x
        assert [cuts.slope[cut], cuts.intercept[cut]] == pytest.approx(slow, abs=1e-4)


DISTORTED = [
    CutScaling((2.0, 0.5, 0.5, 2.0), (0.0,) * 4),
    CutScaling((0.5, 1.0, 1.0, 0.5), (1.0, 1.0, -1.0, -1.0)),
    CutScaling((0.3, 0.6, 1.2, 2.0), (0.0,) * 4),
]


@pytest.mark.parametrize("distortion", DISTORTED)
def test_only_scaling_at_cuts_corrects_errors_at_cuts(distortion: CutScaling) -> None:
    true, grades = true_of_readings(6000, seed=3)
    raw = distortion(torch.from_numpy(true)).numpy()
    met, losses = {}, {}
    for method in ("bias_corrected", "cumulative"):
        calibrator = fit_calibrator(method, raw[:3000], grades[:3000], NATURAL, NATURAL)
        after, later = calibrator(torch.from_numpy(raw[3000:])).numpy(), grades[3000:]
        error, had = calibration_error(after, later), calibration_error(raw[3000:], later)
        met[method] = error <= had / 2 or error <= noise_floor(after, draws=50).high
        losses[method] = log_loss(after, later)
    assert met == {"bias_corrected": False, "cumulative": True}
    assert losses["cumulative"] < losses["bias_corrected"] < log_loss(raw[3000:], grades[3000:])


def test_correct_probabilities_hardly_change() -> None:
    true, grades = true_of_readings(3000, seed=5)
    found, cuts = fit("cumulative", true, grades)
    assert cuts is not None
    np.testing.assert_allclose(cuts.slope, 1, atol=0.2)
    np.testing.assert_allclose(cuts.intercept, 0, atol=0.3)
    assert np.abs(found - true).mean() < 0.01


def test_one_photo_changes_little_even_if_it_is_on_one_side_of_all_cuts() -> None:
    rows = np.array([[0.5, 0.3, 0.15, 0.05]])
    found, cuts = fit("cumulative", rows, np.array([0]))
    assert cuts is not None
    assert all(0.5 < slope < 2 for slope in cuts.slope)
    assert all(-1.5 < intercept < 0 for intercept in cuts.intercept)  # towards the one photo, which is above no cut
    assert found[0, 0] > 0.5
    assert (found > 0).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(2, 5), st.integers(0, 999))
def test_cut_scaling_is_monotone_for_any_photos(rows: int, k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    _, cuts = fit("cumulative", np.eye(k)[random.integers(0, k, rows)], random.integers(0, k, rows))
    assert cuts is not None
    assert np.isfinite(cuts.intercept).all()
    shares = np.sort(random.dirichlet(np.ones(k)))
    ladder = torch.from_numpy(np.stack([shares[::-1].copy(), np.full(k, 1 / k), shares]))  # each above the one before
    higher = cuts(ladder).flip(1).cumsum(dim=1)[:, :-1]
    assert (higher.diff(dim=0) >= -1e-12).all()


def test_the_prior_averages_calibrated_probabilities_of_weighted_photos_and_pseudo_photos() -> None:
    true, grades = true_of_readings(200, seed=7)
    drawn = np.array([0.4, 0.3, 0.2, 0.1, 0.0])
    calibrator = fit_calibrator("cumulative", true, grades, drawn, NATURAL)
    after = calibrator(torch.from_numpy(true)).numpy()
    weights = np.r_[importance_weights(grades, NATURAL), np.ones(5)]
    expected = np.average(np.r_[after, np.tile(NATURAL, (5, 1))], axis=0, weights=weights)
    np.testing.assert_allclose(calibrator.prior, expected * [1, 1, 1, 1, 0])
    assert (after[:, 4] > 0).any()  # an untrained grade is not ruled out


def test_grades_without_an_order_have_no_cuts() -> None:
    kind, shine = Attribute("kind", 3, kind="nominal"), Attribute("shine", 5)
    require_method("cumulative", shine)
    require_method("bias_corrected", kind)
    with pytest.raises(UserError, match=r"'cumulative': needs ordered grades, but kind is nominal; use bias_corrected"):
        require_method("cumulative", kind)
    with pytest.raises(UserError, match=r"did you mean 'cumulative'\?"):
        require_method("cumulativ", shine)
    true, grades = true_of_readings(30, seed=8)
    probabilities = np.stack([true, np.zeros_like(true)], axis=1)
    probabilities[:, 1, :3] = true[:, :3] / true[:, :3].sum(axis=1, keepdims=True)
    given, drawn = np.stack([grades, grades % 3], axis=1), np.array([NATURAL, [0.5, 0.3, 0.2, 0, 0]])
    methods = {"shine": "cumulative", "kind": "cumulative"}
    photos = GradedProbabilities(probabilities, given, np.arange(30))
    found = fit_calibrators(Schema((shine, kind)), methods, photos, drawn, [[1] * 5, [1] * 3])
    assert {name: each.method for name, each in found.items()} == {"shine": "cumulative", "kind": "bias_corrected"}
    assert found["kind"].cuts is None
