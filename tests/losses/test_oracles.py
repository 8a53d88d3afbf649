"""Each loss against a slow loop written from its definition, and against PyTorch where it has the loss."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from multiskin.errors import UserError
from multiskin.losses.class_balanced import (
    ClassBalancedCrossEntropy,
    ClassBalancedFocal,
    effective_number_weights,
)
from multiskin.losses.cross_entropy import CrossEntropy
from multiskin.losses.expected_credit import ExpectedCredit
from multiskin.losses.focal import Focal
from multiskin.losses.label_smoothing import LabelSmoothing
from multiskin.losses.masked_label_smoothing import MaskedLabelSmoothing
from multiskin.losses.squared_emd import SquaredEMD
from multiskin.metrics.functional import ranked_probability_score

COUNTS = {2: (3, 40), 3: (700, 0, 12), 5: (26, 735, 1501, 413, 35)}


def loop_log_softmax(logits: list[float]) -> list[float]:
    top = max(logits)
    total = math.fsum(math.exp(logit - top) for logit in logits)
    return [logit - top - math.log(total) for logit in logits]


def loop_cross_entropy(logits: list[float], grade: int) -> float:
    return -loop_log_softmax(logits)[grade]


def loop_label_smoothing(logits: list[float], grade: int, epsilon: float = 0.1) -> float:
    loss = 0.0
    for k, log_p in enumerate(loop_log_softmax(logits)):
        loss -= (1 - epsilon if k == grade else epsilon / (len(logits) - 1)) * log_p
    return loss


def loop_masked_label_smoothing(logits: list[float], grade: int, epsilon: float = 0.05) -> float:
    log_p = loop_log_softmax(logits)
    loss, left = 0.0, 1.0
    for neighbour in (grade - 1, grade + 1):
        if 0 <= neighbour < len(logits):
            loss -= epsilon * log_p[neighbour]
            left -= epsilon
    return loss - left * log_p[grade]


def loop_focal(logits: list[float], grade: int, gamma: float = 2.0) -> float:
    p = math.exp(loop_log_softmax(logits)[grade])
    return -((1 - p) ** gamma) * math.log(p)


def loop_weight(grade: int, k: int, beta: float = 0.999) -> float:
    """Cui et al. 2019, as sums of powers: the effective number of n photos is 1 + beta + ... + beta^(n - 1)."""
    inverse = {}
    for j, n in enumerate(COUNTS[k]):
        if n:
            inverse[j] = 1 / math.fsum(beta**i for i in range(n))
    return inverse.get(grade, 0.0) / sum(inverse.values()) * len(inverse)


def loop_class_balanced_cross_entropy(logits: list[float], grade: int, beta: float = 0.999) -> float:
    return loop_weight(grade, len(logits), beta) * loop_cross_entropy(logits, grade)


def loop_class_balanced_focal(logits: list[float], grade: int, beta: float = 0.999, gamma: float = 2.0) -> float:
    return loop_weight(grade, len(logits), beta) * loop_focal(logits, grade, gamma)


def loop_expected_credit(logits: list[float], grade: int, cross_entropy: float = 0.5, beta: float = 0.999) -> float:
    lost = 1.0
    for k, log_p in enumerate(loop_log_softmax(logits)):
        distance = abs(k - grade)
        lost -= math.exp(log_p) * {0: 1.0, 1: 0.5}.get(distance, -0.5 * (distance - 1))
    return loop_weight(grade, len(logits), beta) * (lost + cross_entropy * loop_cross_entropy(logits, grade))


def loop_squared_emd(logits: list[float], grade: int, cross_entropy: float = 0.5) -> float:
    emd, below = 0.0, 0.0
    for k, log_p in enumerate(loop_log_softmax(logits)):
        below += math.exp(log_p)
        emd += (below - (1 if grade <= k else 0)) ** 2
    return emd + cross_entropy * loop_cross_entropy(logits, grade)


BETAS = st.sampled_from([0.0, 0.9, 0.99, 0.999, 0.9999])
ORACLES = [  # with the strategies of the options
    (CrossEntropy, loop_cross_entropy, {}),
    (LabelSmoothing, loop_label_smoothing, {"epsilon": st.floats(0, 0.49)}),
    (MaskedLabelSmoothing, loop_masked_label_smoothing, {"epsilon": st.floats(0, 0.33)}),
    (Focal, loop_focal, {"gamma": st.floats(0, 5)}),
    (ClassBalancedCrossEntropy, loop_class_balanced_cross_entropy, {"beta": BETAS}),
    (ClassBalancedFocal, loop_class_balanced_focal, {"beta": BETAS, "gamma": st.floats(0, 5)}),
    (ExpectedCredit, loop_expected_credit, {"cross_entropy": st.floats(0, 5), "beta": BETAS}),
    (SquaredEMD, loop_squared_emd, {"cross_entropy": st.floats(0, 5)}),
]


@pytest.mark.parametrize(("loss", "oracle", "drawn"), ORACLES, ids=[loss.__name__ for loss, *_ in ORACLES])
@settings(max_examples=60, deadline=None)
@given(data=st.data(), k=st.sampled_from(sorted(COUNTS)))
def test_equals_the_loop(
    loss: type, oracle: Callable[..., float], drawn: dict[str, st.SearchStrategy[float]], data: st.DataObject, k: int
) -> None:
    options = data.draw(st.fixed_dictionaries({}, optional=drawn))
    logits = data.draw(st.lists(st.floats(-8, 8, width=32), min_size=k, max_size=k))
    grade = data.draw(st.integers(0, k - 1))
    value = loss(COUNTS[k], **options).per_row(torch.tensor([logits]), torch.tensor([grade]))
    assert value.shape == (1,)
    # a float32 logarithm is off by up to 5e-7 at these logits, and the cross entropy counts up to 5 times
    assert float(value) == pytest.approx(oracle(logits, grade, **options), rel=1e-4, abs=4e-6)


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    return 3 * torch.randn(20, 5, generator=random), torch.randint(5, (20,), generator=random)


def test_label_smoothing_equals_that_of_torch_with_epsilon_over_all_grades(batch: tuple[Tensor, Tensor]) -> None:
    of_torch = F.cross_entropy(*batch, reduction="none", label_smoothing=0.2 * 5 / 4)
    torch.testing.assert_close(LabelSmoothing(COUNTS[5], epsilon=0.2).per_row(*batch), of_torch)


def test_class_balanced_cross_entropy_equals_that_of_torch_with_weights(batch: tuple[Tensor, Tensor]) -> None:
    weight = torch.tensor(effective_number_weights(COUNTS[5], 0.99))
    of_torch = F.cross_entropy(*batch, weight=weight, reduction="none")
    torch.testing.assert_close(ClassBalancedCrossEntropy(COUNTS[5], beta=0.99).per_row(*batch), of_torch)


@pytest.mark.parametrize("loss", [LabelSmoothing, MaskedLabelSmoothing])
def test_without_smoothing_it_is_cross_entropy(loss: type, batch: tuple[Tensor, Tensor]) -> None:
    torch.testing.assert_close(loss(COUNTS[5], epsilon=0).per_row(*batch), CrossEntropy(COUNTS[5]).per_row(*batch))


def test_label_smoothing_of_five_grades_has_the_published_table() -> None:
    target = LabelSmoothing(COUNTS[5]).target
    torch.testing.assert_close(target, torch.full((5, 5), 0.025).fill_diagonal_(0.9))


@pytest.mark.parametrize(
    "table",
    [
        [[0.95, 0.05], [0.05, 0.95]],
        [[0.95, 0.05, 0], [0.05, 0.9, 0.05], [0, 0.05, 0.95]],
        [
            [0.95, 0.05, 0, 0, 0],
            [0.05, 0.9, 0.05, 0, 0],
            [0, 0.05, 0.9, 0.05, 0],
            [0, 0, 0.05, 0.9, 0.05],
            [0, 0, 0, 0.05, 0.95],
        ],
    ],
    ids=["K=2", "K=3", "K=5"],
)
def test_masked_label_smoothing_has_the_published_table(table: list[list[float]]) -> None:
    target = MaskedLabelSmoothing(COUNTS[len(table)]).target
    torch.testing.assert_close(target, torch.tensor(table))
    assert ((target > 0) == (torch.tensor(table) > 0)).all()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 5.0])
def test_focal_is_finite_for_any_gamma_even_if_the_network_is_certain(gamma: float) -> None:
    logits = torch.tensor([[0.3, -1.0, 2.0], [60.0, 0.0, 0.0], [0.0, 60.0, 0.0]], requires_grad=True)
    grades = torch.tensor([0, 0, 0])
    value = Focal(COUNTS[3], gamma).per_row(logits, grades)
    value.sum().backward()
    assert value.tolist() == pytest.approx([loop_focal([0.3, -1.0, 2.0], 0, gamma), 0, 60], rel=1e-5, abs=1e-6)
    torch.testing.assert_close(logits.grad[1:], torch.tensor([[0.0, 0, 0], [-1.0, 1.0, 0.0]]))


@settings(max_examples=50, deadline=None)
@given(
    counts=st.lists(st.integers(0, 5000), min_size=2, max_size=9),
    beta=st.sampled_from([0.0, 0.9, 0.99, 0.999, 0.9999, 1 - 1e-9]),
)
def test_class_weights_sum_to_the_number_of_grades_present_and_favour_rare_ones(counts: list[int], beta: float) -> None:
    weights = effective_number_weights(counts, beta)
    assert sum(weights) == pytest.approx(sum(n > 0 for n in counts))
    assert [weight == 0 for weight in weights] == [n == 0 for n in counts]
    seen = sorted((n, weight) for n, weight in zip(counts, weights, strict=True) if n)
    assert all(w >= v * (1 - 1e-6) for (_, w), (_, v) in pairwise(seen))


def test_class_weights_range_from_equal_to_inverse_counts() -> None:
    assert effective_number_weights([1, 10, 100], 0.0) == pytest.approx([1, 1, 1])
    assert effective_number_weights([1, 10, 100], 1 - 1e-9) == pytest.approx([3 / 1.11, 0.3 / 1.11, 0.03 / 1.11])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LabelSmoothing((1, 1), epsilon=0.5), "epsilon is 0.5; .* at least 0 and less than 0.5"),
        (lambda: MaskedLabelSmoothing((1, 1), epsilon=0.4), "epsilon is 0.4; .* at least 0 and less than 0.333"),
        (lambda: Focal((1, 1), gamma=-1), "gamma is -1; .* at least 0 and less than inf"),
        (lambda: ClassBalancedCrossEntropy((1, 1), beta=1.0), "beta is 1.0; .* at least 0 and less than 1"),
        (lambda: ClassBalancedFocal((1, 1), beta=-0.1), "beta is -0.1; .* at least 0 and less than 1"),
        (lambda: ClassBalancedFocal((1, 1), gamma=-0.1), "gamma is -0.1; .* at least 0 and less than inf"),
    ],
)
def test_an_option_out_of_range_is_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()


def test_squared_emd_alone_is_the_ranked_probability_score_times_the_number_of_cuts(
    batch: tuple[Tensor, Tensor],
) -> None:
    logits, grades = batch
    score = ranked_probability_score(logits.double().softmax(dim=1), grades)
    loss = SquaredEMD(COUNTS[5], cross_entropy=0).per_row(logits.double(), grades)
    torch.testing.assert_close(loss, 4 * score)


def test_squared_emd_grows_with_the_distance() -> None:
    sure_of_0 = torch.tensor([[9.0, 0, 0, 0, 0]]).expand(5, 5)
    loss = SquaredEMD(COUNTS[5]).per_row(sure_of_0, torch.arange(5))
    assert (loss.diff() > 0.9).all()
