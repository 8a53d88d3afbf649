"""Losses against two libraries, where those are right; where they are wrong, the tests of each loss say so."""

import pytest
import torch
from torch import Tensor

from multiskin.decisions import decide
from multiskin.losses import create_loss
from multiskin.losses.corn import continuation_log_probabilities
from multiskin.schema import Attribute

every_size = pytest.mark.parametrize("k", [2, 3, 5, 10])


@pytest.fixture
def coral():
    return pytest.importorskip("coral_pytorch.losses")


@pytest.fixture
def ordinal():
    return pytest.importorskip("dlordinal.losses")


@pytest.fixture
def labels():
    return pytest.importorskip("dlordinal.soft_labelling")


def per_row(name: str, logits: Tensor, grades: Tensor, k: int, **options: float) -> Tensor:
    return create_loss(name, Attribute("x", k), (1,) * k, **options).per_row(logits, grades)


def target(name: str, k: int, **options: float) -> Tensor:
    return create_loss(name, Attribute("x", k), (1,) * k, **options).target.double()


def batch(k: int, size: float = 3.0) -> tuple[Tensor, Tensor]:
    """Logits (B, K), of which losses with K-1 logits take the last, and grades, each four times."""
    random = torch.Generator().manual_seed(k)
    return size * torch.randn(4 * k, k, generator=random, dtype=torch.float64), torch.arange(k).repeat(4)


@every_size
@pytest.mark.parametrize("size", [3.0, 300.0])
def test_coral_equals_the_code_of_its_authors(coral, k: int, size: float) -> None:
    logits, grades = batch(k, size)
    levels = (grades[:, None] > torch.arange(k - 1)).double()
    expected = coral.coral_loss(logits[:, 1:], levels, reduction=None)
    torch.testing.assert_close(per_row("coral", logits[:, 1:], grades, k), expected)


@every_size
def test_corn_equals_the_code_of_its_authors_times_the_terms_per_row(coral, ordinal, k: int) -> None:
    logits, grades = batch(k)
    questions = (grades + 1).clamp(max=k - 1).sum()
    found = per_row("corn", logits[:, 1:], grades, k).sum() / questions
    for expected in (coral.corn_loss(logits[:, 1:], grades, k), ordinal.CORNLoss(k)(logits[:, 1:], grades)):
        torch.testing.assert_close(found, expected)


def test_without_grades_corn_is_0_where_the_code_of_its_authors_divides_by_0(coral) -> None:
    logits, grades = torch.zeros(3, 4), torch.full((3,), -1)
    with pytest.raises(ZeroDivisionError):
        coral.corn_loss(logits, grades, 5)
    assert create_loss("corn", Attribute("x", 5), (1,) * 5)(logits, grades, torch.ones(3)) == 0


@every_size
def test_the_median_of_corn_equals_the_label_of_its_authors(k: int) -> None:
    dataset = pytest.importorskip("coral_pytorch.dataset")
    logits, _ = batch(k)
    probabilities = continuation_log_probabilities(logits[:, 1:]).exp()
    assert torch.equal(decide("median", probabilities, torch.ones(k)), dataset.corn_label_from_logits(logits[:, 1:]))


@every_size
@pytest.mark.parametrize("alpha", [0.5, 2.0, 5.0])
def test_cdw_ce_of_small_logits_equals_a_library(ordinal, k: int, alpha: float) -> None:
    alpha = min(alpha, 4.0) if k == 10 else alpha
    logits, grades = batch(k, size=1.0)
    expected = ordinal.CDWCELoss(k, alpha=alpha)(logits, grades)
    torch.testing.assert_close(per_row("cdw_ce", logits, grades, k, alpha=alpha).mean(), expected, rtol=1e-5, atol=0)


@every_size
def test_squared_emd_equals_a_library(ordinal, k: int) -> None:
    logits, grades = batch(k)
    found = per_row("squared_emd", logits, grades, k, cross_entropy=0).mean()
    torch.testing.assert_close(found, ordinal.EMDLoss(k)(logits, grades))


@every_size
@pytest.mark.parametrize("alpha", [0.5, 1.8])
def test_sord_of_absolute_distances_equals_a_library(ordinal, k: int, alpha: float) -> None:
    logits, grades = batch(k)
    found = per_row("sord", logits, grades, k, alpha=alpha, power=1).mean()
    torch.testing.assert_close(found, ordinal.SORDLoss(alpha, k, grades)(logits, grades), rtol=1e-6, atol=0)


@every_size
def test_cumulative_link_equals_a_library(k: int) -> None:
    layers = pytest.importorskip("dlordinal.output_layers")
    cuts, photos = torch.arange(k - 1.0), torch.linspace(-4, 9, 4 * k)  # the layer's initial cut points
    grades = torch.arange(k).repeat(4)
    expected = layers.CLM(k, "logit")(photos[:, None])[torch.arange(4 * k), grades].log()
    found = per_row("cumulative_link", photos[:, None] - cuts, grades, k)
    torch.testing.assert_close(-found, expected.detach(), rtol=1e-3, atol=1e-5)


def test_binomial_labels_of_five_grades_equal_a_library(labels) -> None:
    torch.testing.assert_close(
        target("binomial_labels", 5), torch.from_numpy(labels.get_binomial_soft_labels(5)), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    ("k", "rounding"), [(3, 1e-6), (5, 1e-6), *((k, 0.04) for k in (4, 6, 7, 8, 9, 10, 11, 12, 13))]
)
def test_beta_labels_equal_a_library_up_to_its_rounded_shapes(labels, k: int, rounding: float) -> None:
    expected = torch.from_numpy(labels.get_beta_soft_labels(k))
    torch.testing.assert_close(target("beta_labels", k), expected, rtol=0, atol=rounding)


@pytest.mark.parametrize("k", [3, 4, 5, 8])
@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.05, 0.2])
def test_triangular_labels_equal_a_library_except_for_the_highest_grade(labels, k: int, alpha: float) -> None:
    expected = torch.from_numpy(labels.get_triangular_soft_labels(k, alpha))
    torch.testing.assert_close(target("triangular_labels", k, alpha=alpha)[:-1], expected[:-1], rtol=0, atol=1e-6)
