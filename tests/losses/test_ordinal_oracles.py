"""Ordinal and long-tailed losses against slow loops and published numbers, and where a known library is wrong."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.errors import UserError
from multiskin.losses import LOSSES, create_loss
from multiskin.losses.balanced_softmax import BalancedSoftmax
from multiskin.losses.binomial_labels import BinomialLabels
from multiskin.losses.cdw_ce import CDWCE
from multiskin.losses.coral import Coral
from multiskin.losses.corn import Corn
from multiskin.losses.cross_entropy import CrossEntropy
from multiskin.losses.cumulative_link import CumulativeLink, cumulative_log_probabilities
from multiskin.losses.expected_credit import ExpectedCredit
from multiskin.losses.ldam import LDAM
from multiskin.losses.logit_adjustment import LogitAdjustment
from multiskin.losses.sord import SORD
from multiskin.losses.triangular_labels import TriangularLabels
from multiskin.schema import Attribute

COUNTS = {2: (3, 40), 3: (700, 0, 12), 5: (26, 735, 1501, 413, 35)}


def loop_probabilities(logits: list[float]) -> list[float]:
    exponents = [math.exp(logit) for logit in logits]
    return [exponent / math.fsum(exponents) for exponent in exponents]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def loop_soft_target(logits: list[float], target: list[float]) -> float:
    return -math.fsum(t * math.log(p) for t, p in zip(target, loop_probabilities(logits), strict=True))


def loop_sord(logits: list[float], grade: int, alpha: float = 1.0, power: float = 2.0) -> float:
    return loop_soft_target(logits, loop_probabilities([-alpha * abs(k - grade) ** power for k in range(len(logits))]))


def loop_binomial(logits: list[float], grade: int) -> float:
    n, chance = len(logits) - 1, (2 * grade + 1) / (2 * len(logits))
    return loop_soft_target(logits, [math.comb(n, k) * chance**k * (1 - chance) ** (n - k) for k in range(n + 1)])


def loop_cdw_ce(logits: list[float], grade: int, alpha: float = 2.0, margin: float = 0.0) -> float:
    p, loss = loop_probabilities(logits), 0.0
    for k in range(len(p)):
        if k != grade:
            rest = math.fsum(p[j] for j in range(len(p)) if j != k)
            loss -= abs(k - grade) ** alpha * math.log(max(rest - margin, rest / 2))
    return loss


def loop_logit_adjustment(logits: list[float], grade: int, tau: float = 1.0) -> float:
    terms = [max(n, 1) ** tau * math.exp(logit) for n, logit in zip(COUNTS[len(logits)], logits, strict=True)]
    return -math.log(terms[grade] / math.fsum(terms))


def loop_ldam(logits: list[float], grade: int, max_margin: float = 0.5) -> float:
    """The margin is C / n^(1/4), where C gives the rarest grade with photos max_margin."""
    counts = COUNTS[len(logits)]
    rarest = min(n for n in counts if n > 0)
    margin = max_margin * rarest**0.25 / counts[grade] ** 0.25 if counts[grade] else max_margin
    others = math.fsum(math.exp(logit) for k, logit in enumerate(logits) if k != grade)
    won = math.exp(logits[grade] - margin)
    return -math.log(won / (won + others))


def loop_coral(logits: list[float], grade: int) -> float:
    return -math.fsum(math.log(sigmoid(z) if grade > k else sigmoid(-z)) for k, z in enumerate(logits))


def loop_corn(logits: list[float], grade: int) -> float:
    """A grade belongs to the conditional training sets of the cuts that it reaches."""
    loss = 0.0
    for k, z in enumerate(logits):
        if grade >= k:
            loss -= math.log(sigmoid(z) if grade > k else sigmoid(-z))
    return loss


def loop_cumulative_link(logits: list[float], grade: int) -> float:
    above = [1.0, *(sigmoid(z) for z in logits), 0.0]
    return -math.log(above[grade] - above[grade + 1])


ORACLES = [  # with the strategies of the options
    (SORD, loop_sord, {"alpha": st.floats(0.1, 3), "power": st.floats(1, 3)}),
    (BinomialLabels, loop_binomial, {}),
    (CDWCE, loop_cdw_ce, {"alpha": st.floats(0, 6.9), "margin": st.floats(0, 0.49)}),
    (LogitAdjustment, loop_logit_adjustment, {"tau": st.floats(0, 3)}),
    (BalancedSoftmax, loop_logit_adjustment, {}),
    (LDAM, loop_ldam, {"max_margin": st.floats(0, 5)}),
    (Coral, loop_coral, {}),
    (Corn, loop_corn, {}),
    (CumulativeLink, loop_cumulative_link, {}),
]


@pytest.mark.parametrize(("loss", "oracle", "drawn"), ORACLES, ids=[loss.__name__ for loss, *_ in ORACLES])
@settings(max_examples=60, deadline=None)
@given(data=st.data(), k=st.sampled_from(sorted(COUNTS)))
def test_equals_the_loop(
    loss: type, oracle: Callable[..., float], drawn: dict[str, st.SearchStrategy[float]], data: st.DataObject, k: int
) -> None:
    options = data.draw(st.fixed_dictionaries({}, optional=drawn))
    if loss.logit_kind == "categorical":
        logits = data.draw(st.lists(st.floats(-8, 8, width=32), min_size=k, max_size=k))
    else:
        steps = data.draw(st.lists(st.floats(0.125, 3), min_size=k - 2, max_size=k - 2))
        logits = [data.draw(st.floats(-4, 8))]
        logits += [logits[0] - sum(steps[: n + 1]) for n in range(k - 2)]
    grade = data.draw(st.integers(0, k - 1))
    value = loss(COUNTS[k], **options).per_row(torch.tensor([logits]), torch.tensor([grade]))
    assert value.shape == (1,)
    assert float(value) == pytest.approx(oracle(logits, grade, **options), rel=1e-4, abs=1e-5)


def test_cdw_ce_is_right_where_a_library_overflows() -> None:
    """dlordinal 2.7.0 computes exp(logits) directly and gives NaN for the first row and 76.84 for the second."""
    logits = torch.tensor([[100.0, 0, 0], [20.0, 0, 0]])
    loss = CDWCE(COUNTS[3], alpha=1.0).per_row(logits, torch.tensor([2, 2]))
    assert loss.tolist() == pytest.approx([2 * (100 - math.log(2)), 2 * (20 - math.log(2))], rel=1e-6)


@pytest.mark.parametrize("logits", [[0.3, -0.4, 1.1, 0.0, -2.0], [9.0, 0, 0, 0, 0], [0, 0, 0, 0, 50.0]])
def test_the_margin_of_cdw_ce_is_added_to_wrong_grades_and_stays_finite(logits: list[float]) -> None:
    """dlordinal 2.7.0 subtracts it instead, which lowers its loss of the first row from 3.378 to 2.486."""
    z = torch.tensor([logits], dtype=torch.float64, requires_grad=True)
    loss = CDWCE(COUNTS[5], margin=0.05).per_row(z, torch.tensor([3]))
    loss.backward()
    assert loss.item() == pytest.approx(loop_cdw_ce(logits, 3, margin=0.05))
    assert loss.item() > loop_cdw_ce(logits, 3)  # for the first row, 4.360 and 3.378
    assert z.grad.isfinite().all()


def test_cdw_ce_of_two_grades_is_cross_entropy() -> None:
    logits, grades = torch.randn(8, 2, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 2
    torch.testing.assert_close(
        CDWCE(COUNTS[2]).per_row(logits, grades), CrossEntropy(COUNTS[2]).per_row(logits, grades)
    )


@pytest.mark.parametrize("loss", [LogitAdjustment(COUNTS[3], tau=0.0), LDAM(COUNTS[3], max_margin=0.0)])
def test_without_adjustment_or_margin_it_is_cross_entropy(loss: LogitAdjustment | LDAM) -> None:
    logits, grades = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 3
    torch.testing.assert_close(loss.per_row(logits, grades), CrossEntropy(COUNTS[3]).per_row(logits, grades))


def test_logit_adjusted_probabilities_refer_to_equally_frequent_grades() -> None:
    drawn = torch.tensor(COUNTS[5]) / sum(COUNTS[5])
    torch.testing.assert_close(LogitAdjustment(COUNTS[5]).prior(drawn), torch.full((5,), 0.2))
    twice = LogitAdjustment(COUNTS[5]).prior(torch.full((5,), 0.2))  # with a sampler that balances the grades as well
    torch.testing.assert_close(twice, (1 / drawn) / (1 / drawn).sum())


def test_coral_has_the_published_example() -> None:
    logits = torch.tensor([[2.1, 1.8, -2.1, -1.8], [1.9, -1.0, -1.5, -1.3], [1.9, 1.8, 1.7, 1.6]])
    assert Coral(COUNTS[5]).per_row(logits, torch.tensor([2, 1, 4])).mean().item() == pytest.approx(0.6920, abs=5e-5)


@pytest.mark.parametrize("name", ["coral", "corn", "cumulative_link"])
def test_two_grades_are_logistic_regression(name: str) -> None:
    loss = create_loss(name, Attribute("x", 2), COUNTS[2]).per_row(torch.tensor([[0.7], [0.7]]), torch.tensor([0, 1]))
    assert loss.tolist() == pytest.approx([-math.log(sigmoid(-0.7)), -math.log(sigmoid(0.7))])


@settings(max_examples=40, deadline=None)
@given(first=st.floats(-1e4, 1e4, width=32), steps=st.lists(st.floats(0, 1e4, width=32), max_size=6))
def test_cumulative_log_probabilities_are_finite_and_sum_to_one(first: float, steps: list[float]) -> None:
    cuts = torch.tensor([0.0, *steps]).cumsum(0)
    log_p = cumulative_log_probabilities(first - cuts[None])
    assert log_p.isfinite().all()
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-5)


NOMINAL = ["cross_entropy", "label_smoothing", "focal", "class_balanced_cross_entropy", "class_balanced_focal"]


@pytest.mark.parametrize("name", LOSSES)
def test_only_losses_that_need_no_order_accept_nominal_grades(name: str) -> None:
    kind = Attribute("kind", 3, kind="nominal")
    if name in (*NOMINAL, "balanced_softmax", "logit_adjustment", "ldam"):
        create_loss(name, kind, COUNTS[3])
    else:
        with pytest.raises(UserError, match=r"heads\.kind\.loss .*needs ordered grades, but these are nominal"):
            create_loss(name, kind, COUNTS[3])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SORD((1, 1), alpha=0), "alpha is 0; .* at least 0.1 and less than inf"),
        (lambda: SORD((1, 1), power=0.5), "power is 0.5; .* at least 1 and less than inf"),
        (lambda: TriangularLabels((1, 1), alpha=0.3), "alpha is 0.3; .* at least 0 and less than 0.222"),
        (lambda: CDWCE((1, 1), alpha=10), "alpha is 10; .* at least 0 and less than 10"),
        (lambda: CDWCE((1,) * 10, alpha=7), r"alpha is 7; with 10 grades give at most 4.41, since .* 9\*\*alpha"),
        (lambda: CDWCE((1,) * 5, alpha=7.01), "alpha is 7.01; with 5 grades give at most 7,"),
        (lambda: CDWCE((1, 1), margin=0.5), "margin is 0.5; .* at least 0 and less than 0.5"),
        (lambda: LogitAdjustment((1, 1), tau=-1), "tau is -1; .* at least 0 and less than inf"),
        (lambda: LDAM((1, 1), max_margin=-1), "max_margin is -1; .* at least 0 and less than inf"),
        (lambda: ExpectedCredit((1, 1), cross_entropy=-1), "cross_entropy is -1; .* at least 0 and less than inf"),
        (lambda: ExpectedCredit((1, 1), beta=1), "beta is 1; .* at least 0 and less than 1"),
    ],
)
def test_an_option_out_of_range_is_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()
