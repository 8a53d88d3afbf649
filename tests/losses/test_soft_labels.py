"""The targets of soft labels: their shape, published values, and where a library is wrong."""

import math

import pytest
import torch

from multiskin.losses import create_loss
from multiskin.losses.beta_labels import BetaLabels, beta_shapes
from multiskin.losses.binomial_labels import BinomialLabels
from multiskin.losses.triangular_labels import TriangularLabels
from multiskin.schema import Attribute

LABELS = ["sord", "binomial_labels", "beta_labels", "triangular_labels"]
FIVE = (26, 735, 1501, 413, 35)


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("k", [2, 3, 4, 5, 10, 30])
def test_labels_have_one_mode_at_the_true_grade_and_are_symmetric(name: str, k: int) -> None:
    target = create_loss(name, Attribute("x", k), (1,) * k).target
    torch.testing.assert_close(target.sum(dim=1), torch.ones(k))
    torch.testing.assert_close(target, target.flip(0, 1))
    for grade in range(k):
        assert target[grade, grade] == target[grade].max() > target[grade].sort().values[-2]
        assert (target[grade, : grade + 1].diff() >= 0).all()
        assert (target[grade, grade:].diff() <= 0).all()


def test_binomial_labels_of_five_grades_are_the_published_ones() -> None:
    """With 12 grades, the published range from 0.1 to 0.9 misplaces the mode: for grade 0, 0.31, 0.38, ..."""
    published = [[0.6561, 0.2916, 0.0486, 0.0036, 0.0001], [0.2401, 0.4116, 0.2646, 0.0756, 0.0081]]
    torch.testing.assert_close(BinomialLabels(FIVE).target[:2], torch.tensor(published))
    assert BinomialLabels((1,) * 12).target.argmax(dim=1).tolist() == list(range(12))


def test_beta_labels_of_three_and_five_grades_are_the_published_ones() -> None:
    torch.testing.assert_close(torch.tensor(beta_shapes(3)).float(), torch.tensor([[1.0, 4], [4, 4], [4, 1]]))
    torch.testing.assert_close(torch.tensor(beta_shapes(5)[:3]).float(), torch.tensor([[1.0, 8], [6, 14], [12, 12]]))
    published = [0.16306230596, 0.67401521198, 0.15985465218, 0.00306715018, 6.796952e-07]
    assert BetaLabels(FIVE).target[1].tolist() == pytest.approx(published, abs=1e-6)


@pytest.mark.parametrize("k", range(2, 8))
def test_beta_labels_are_the_areas_under_beta_densities(k: int) -> None:
    """By the midpoint rule; the shapes of inner grades follow from a mean and a standard deviation."""
    target = BetaLabels((1,) * k).target
    x = (torch.arange(4000 * k, dtype=torch.float64) + 0.5) / (4000 * k)
    for grade in range(k):
        mean, variance = (grade + 0.5) / k, (0.5 / k) ** 2
        both = mean * (1 - mean) / variance - 1
        a, b = {0: (1, 2 * k - 2), k - 1: (2 * k - 2, 1)}.get(grade, (mean * both, (1 - mean) * both))
        area = (x ** (a - 1) * (1 - x) ** (b - 1)).reshape(k, 4000).sum(dim=1)
        torch.testing.assert_close(target[grade], (area / area.sum()).float(), atol=1e-6, rtol=0)


def test_beta_labels_of_fourteen_grades_are_as_narrow_as_of_thirteen() -> None:
    """With the table of shapes in dlordinal 2.7.0, a middle grade has 0.68 on itself for K = 13 but 0.39 for K = 14."""
    middle = [BetaLabels((1,) * k).target[6, 6].item() for k in (13, 14)]
    assert middle == pytest.approx([0.68, 0.68], abs=0.01)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("alpha", [0.0, 0.01, 0.05, 0.2])
def test_triangular_labels_are_the_areas_of_triangles(k: int, alpha: float) -> None:
    """For inner grades, a triangle over (middle - half, middle + half); for the others, half a triangle."""
    half = 0.5 / (1 - math.sqrt(2 * alpha))  # in units of one grade
    target = TriangularLabels((1,) * k, alpha).target
    for grade in range(1, k - 1):
        x = torch.linspace(0, k, 30001 * k, dtype=torch.float64)
        density = (1 - (x - grade - 0.5).abs() / half).clamp(min=0)
        area = torch.stack([density[x.floor() == j].sum() for j in range(k)])
        torch.testing.assert_close(target[grade], (area / area.sum()).float(), atol=1e-3, rtol=0)
    side = target[0, 1].item()
    c = (1 - 2 * alpha) * (2 * alpha - math.sqrt(2 * alpha))
    assert side == pytest.approx(((1 - math.sqrt(1 - 4 * c)) / 2) ** 2, abs=1e-7)  # as published
    assert target[0, 0].item() == pytest.approx(1 - side)


def test_triangular_labels_of_both_ends_are_mirror_images() -> None:
    """dlordinal 2.7.0 gives 0.98845494 to grade 0 but 0.99494475 to grade 4, at the same alpha."""
    target = TriangularLabels(FIVE, alpha=0.01).target
    assert target[[0, 4], [0, 4]].tolist() == pytest.approx([0.98845494, 0.98845494], abs=1e-6)
