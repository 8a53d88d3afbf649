"""What holds for every loss: how it treats weights, missing grades, extreme values and half precision."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from multiskin.config import Recipe
from multiskin.errors import UserError
from multiskin.heads import create_head
from multiskin.losses import LOSSES, Loss, create_loss, in_range
from multiskin.losses.cdw_ce import MAX_WEIGHT
from multiskin.schema import MISSING, Attribute

COUNTS = {2: (3, 40), 3: (700, 0, 12), 5: (26, 735, 1501, 413, 35)}  # by K; one grade has no photos
every_loss = pytest.mark.parametrize("name", LOSSES)
rows = st.integers(1, 12)
seeds = st.integers(0, 2**31)


def build(name: str, k: int = 5) -> Loss:
    return create_loss(name, Attribute("tone", k), COUNTS[k])


def fit(name: str, logits: Tensor) -> Tensor:
    """The logits (B, D) of the kind that the loss takes, made from (B, K)."""
    kind = LOSSES[name].logit_kind
    if kind == "categorical":
        return logits
    return logits[:, 1:].sort(dim=1, descending=True).values if kind == "cumulative" else logits[:, 1:]


def draw(name: str, seed: int, b: int, k: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """A batch in which some grades are missing and some weights are 0."""
    random = torch.Generator().manual_seed(seed)
    logits = fit(name, 3 * torch.randn(b, k, generator=random))
    grades = torch.randint(MISSING, k, (b,), generator=random)
    weight = (4 * torch.rand(b, generator=random) - 1).clamp(min=0)
    return logits, grades, weight


def gradient(loss: Loss, logits: Tensor, grades: Tensor, weight: Tensor) -> Tensor:
    logits = logits.clone().requires_grad_()
    loss(logits, grades, weight).backward()
    assert logits.grad is not None
    return logits.grad


@every_loss
@settings(max_examples=15, deadline=None)
@given(seed=seeds, b=rows, k=st.sampled_from(sorted(COUNTS)))
def test_is_the_weighted_sum_over_graded_rows_divided_by_all_rows(name: str, seed: int, b: int, k: int) -> None:
    loss, (logits, grades, weight) = build(name, k), draw(name, seed, b, k)
    total = 0.0
    for row in range(b):
        if grades[row] != MISSING:
            total += float(weight[row] * loss.per_row(logits[row : row + 1], grades[row : row + 1]))
    assert float(loss(logits, grades, weight)) == pytest.approx(total / b, rel=1e-5, abs=1e-7)


@every_loss
@settings(max_examples=15, deadline=None)
@given(seed=seeds, b=rows, more=rows)
def test_rows_without_a_grade_change_nothing_but_the_divisor(name: str, seed: int, b: int, more: int) -> None:
    loss, (logits, grades, weight) = build(name), draw(name, seed, b)
    padding = draw(name, seed + 1, more)
    padded = [
        torch.cat([logits, padding[0]]),
        torch.cat([grades, torch.full((more,), MISSING)]),
        torch.cat([weight, padding[2]]),
    ]
    torch.testing.assert_close((b + more) * loss(*padded), b * loss(logits, grades, weight))


@every_loss
@settings(max_examples=15, deadline=None)
@given(seed=seeds, b=rows, factor=st.floats(0, 9))
def test_is_linear_in_the_weights(name: str, seed: int, b: int, factor: float) -> None:
    loss, (logits, grades, weight) = build(name), draw(name, seed, b)
    other = draw(name, seed + 1, b)[2]
    together = loss(logits, grades, factor * weight + other)
    torch.testing.assert_close(together, factor * loss(logits, grades, weight) + loss(logits, grades, other))


@every_loss
@settings(max_examples=15, deadline=None)
@given(seed=seeds, b=rows)
def test_the_order_of_the_rows_does_not_matter(name: str, seed: int, b: int) -> None:
    loss, batch = build(name), draw(name, seed, b)
    order = torch.randperm(b, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(loss(*(part[order] for part in batch)), loss(*batch))


@every_loss
@pytest.mark.parametrize("junk", [0.0, 1e38, math.inf, -math.inf, math.nan])
def test_masked_rows_have_exactly_zero_gradient_whatever_their_logits(name: str, junk: float) -> None:
    loss = build(name)
    logits = fit(name, torch.randn(4, 5, generator=torch.Generator().manual_seed(0)))
    logits[1:3] = junk
    grades = torch.tensor([3, MISSING, 2, 1])
    weight = torch.tensor([1.0, 1.0, 0.0, 0.5])
    slope = gradient(loss, logits, grades, weight)
    assert (slope[1:3] == 0).all()
    assert (slope[[0, 3]] != 0).any(dim=1).all()
    kept = loss(logits[[0, 3]], grades[[0, 3]], weight[[0, 3]])
    torch.testing.assert_close(4 * loss(logits, grades, weight), 2 * kept)


@every_loss
@pytest.mark.parametrize("junk", [0.0, math.inf, math.nan])
@pytest.mark.parametrize("counts", [COUNTS[5], (0,) * 5], ids=["trained", "never graded"])
def test_a_batch_without_grades_gives_zero_and_a_gradient_of_zeros(name: str, junk: float, counts: tuple) -> None:
    loss = create_loss(name, Attribute("tone", 5), counts)
    batch = fit(name, torch.full((3, 5), junk)), torch.full((3,), MISSING), torch.ones(3)
    assert float(loss(*batch)) == 0.0
    assert (gradient(loss, *batch) == 0).all()


@every_loss
@pytest.mark.parametrize("size", [20.0, 1e4])
@pytest.mark.parametrize("k", sorted(COUNTS))
def test_extreme_logits_give_finite_losses_and_gradients(name: str, size: float, k: int) -> None:
    certain = 2 * torch.eye(k) - 1 if LOSSES[name].logit_kind == "categorical" else 1 - 2 * torch.ones(k, k - 1).triu()
    logits = (size * certain).repeat_interleave(k, dim=0)  # each grade certain, right and wrong
    grades = torch.arange(k).repeat(k)
    loss = build(name, k)
    assert loss(logits, grades, torch.ones(k * k)).isfinite()
    assert gradient(loss, logits, grades, torch.ones(k * k)).isfinite().all()


def largest_alpha(k: int) -> float:
    """The largest alpha that cdw_ce allows for K grades."""
    return min(9.99, math.log(MAX_WEIGHT) / math.log(max(k - 1, 2)) - 1e-9)


EXTREMES: dict[str, Callable[[int], list[dict[str, float]]]] = {  # for K grades, besides the defaults
    "label_smoothing": lambda k: [{"epsilon": 0}, {"epsilon": 0.49}],
    "focal": lambda k: [{"gamma": 0}, {"gamma": 0.01}, {"gamma": 50}],
    "class_balanced_cross_entropy": lambda k: [{"beta": 0}, {"beta": 0.999999}],
    "class_balanced_focal": lambda k: [{"beta": 0.999999, "gamma": 0.01}, {"beta": 0, "gamma": 50}],
    "logit_adjustment": lambda k: [{"tau": 0}, {"tau": 100}],
    "ldam": lambda k: [{"max_margin": 0}, {"max_margin": 100}],
    "masked_label_smoothing": lambda k: [{"epsilon": 0}, {"epsilon": 0.33}],
    "sord": lambda k: [{"alpha": 0.1, "power": 1}, {"alpha": 100, "power": 10}],
    "triangular_labels": lambda k: [{"alpha": 0}, {"alpha": 0.22}],
    "squared_emd": lambda k: [{"cross_entropy": 0}, {"cross_entropy": 100}],
    "cdw_ce": lambda k: [
        {"alpha": 0, "margin": 0.49},
        *({"alpha": largest_alpha(k), "margin": m} for m in (0, 1e-6, 0.1)),
    ],
    "expected_credit": lambda k: [{"cross_entropy": 0, "beta": 0}, {"cross_entropy": 100, "beta": 0.999999}],
}


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@settings(max_examples=30, deadline=None)
@given(data=st.data(), k=st.integers(2, 10), b=st.integers(1, 8))
def test_losses_and_gradients_of_any_option_stay_finite(
    name: str, dtype: torch.dtype, data: st.DataObject, k: int, b: int
) -> None:
    options = data.draw(st.sampled_from([{}, *EXTREMES.get(name, lambda k: [])(k)]))
    counts = data.draw(st.lists(st.sampled_from([0, 1, 40, 50_000]), min_size=k, max_size=k))
    sizes = st.floats(-1e-4, 1e-4) | st.floats(-1, 1) | st.floats(-20, 20) | st.floats(-1e4, 1e4)
    drawn = data.draw(st.lists(sizes, min_size=b * k, max_size=b * k))
    logits = fit(name, torch.tensor(drawn).reshape(b, k)).to(dtype)
    grades = torch.tensor(data.draw(st.lists(st.integers(0, k - 1), min_size=b, max_size=b)))
    loss = create_loss(name, Attribute("tone", k), counts, **options)
    assert loss(logits, grades, torch.ones(b)).isfinite()
    assert gradient(loss, logits, grades, torch.ones(b)).isfinite().all()


@every_loss
@pytest.mark.parametrize("apart", [0.0, 6e-8, 1e-6, 1e-5, 1e-4])
def test_nearly_equal_logits_have_a_finite_gradient_in_half_precision(name: str, apart: float) -> None:
    logits = fit(name, apart * torch.arange(5.0)[None].repeat(5, 1)).half()
    assert gradient(build(name), logits, torch.arange(5), torch.full((5,), 5.0)).isfinite().all()


@pytest.mark.parametrize(("alpha", "k"), [(7, 5), (8.8, 4), (4.4, 10), (9.9, 2), (9.9, 3)])
@pytest.mark.parametrize("margin", [0.0, 1e-4])
def test_the_largest_alpha_of_cdw_ce_has_a_finite_gradient_in_half_precision(
    alpha: float, k: int, margin: float
) -> None:
    loss = create_loss("cdw_ce", Attribute("tone", k), (1,) * k, alpha=alpha, margin=margin)
    for size in [*torch.linspace(0, 20, 81).tolist(), 1e4]:
        logits = torch.zeros(1, k, dtype=torch.float16)
        logits[0, -1] = size
        assert gradient(loss, logits, torch.tensor([0]), torch.ones(1)).isfinite().all()


@every_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("autocast", [True, False])
def test_half_precision_logits_are_computed_in_float32(name: str, dtype: torch.dtype, autocast: bool) -> None:
    loss, (logits, grades, weight) = build(name), draw(name, seed=5, b=8)
    half = logits.to(dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        value = loss(half, grades, weight)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(half.float(), grades, weight))
    assert gradient(loss, half, grades, weight).dtype == dtype


@every_loss
def test_the_gradient_equals_finite_differences(name: str) -> None:
    loss, (logits, grades, weight) = build(name), draw(name, seed=3, b=6)
    doubles = logits.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, grades, weight.double()), doubles)


@every_loss
def test_adds_nothing_to_a_checkpoint(name: str) -> None:
    loss = build(name)
    assert not loss.state_dict()
    assert not list(loss.parameters())


@every_loss
def test_compiles_without_graph_breaks(name: str) -> None:
    loss, batch = build(name), draw(name, seed=7, b=6)
    torch.compiler.reset()  # compilations of other losses count towards a limit
    compiled = torch.compile(loss, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*batch), loss(*batch))


@pytest.mark.parametrize("value", [0, 0.0, 0.25, 1])
def test_in_range_returns_a_number_as_a_float(value: float) -> None:
    result = in_range("rate", value, 0, 2)
    assert (result, type(result)) == (value, float)


@pytest.mark.parametrize("value", [-0.1, 2, math.nan, math.inf, "1", None, True, [1]])
def test_in_range_refuses_anything_else(value: object) -> None:
    with pytest.raises(UserError, match=r"rate is .*at least 0 and less than 2"):
        in_range("rate", value, 0, 2)


IMPROPER = {"focal", "class_balanced_focal", "ldam", "cdw_ce", "expected_credit"}
TRUTHS = {2: ((0.68, 0.32), (0.1, 0.9)), 5: ((0.32, 0.35, 0.24, 0.06, 0.03), (0.05, 0.1, 0.5, 0.3, 0.05))}  # by K
PHOTOS = {2: (40, 9), 5: (856, 1029, 510, 104, 21)}  # by K


def learned(loss: str, options: dict[str, float], truth: Tensor) -> tuple[Loss, Tensor]:
    """The loss of a head without input, and the probabilities (K,) that it learns if grades have these shares (K,)."""
    k = len(truth)
    head = create_head(Attribute("x", k), 1, Recipe(loss=loss, loss_options=options), PHOTOS[k]).double()
    nothing = torch.zeros(k, 1, dtype=torch.float64)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        risk = (truth * head.loss.per_row(head(nothing), torch.arange(k))).sum()
        risk.backward()
        return risk

    optimizer.step(closure)
    return head.loss, head.probabilities(head(nothing))[0].double().detach()


@pytest.mark.parametrize("k", sorted(TRUTHS))
@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {}) for name in LOSSES),
        ("focal", {"gamma": 0}),
        ("class_balanced_focal", {"gamma": 0}),
        ("ldam", {"max_margin": 0}),
        ("cdw_ce", {"margin": 0.1}),
        ("squared_emd", {"cross_entropy": 0}),
        ("expected_credit", {"cross_entropy": 3}),
        ("logit_adjustment", {"tau": 0.5}),
    ],
)
def test_is_proper_exactly_if_its_minimum_is_at_its_prior(name: str, options: dict[str, float], k: int) -> None:
    distance = 0.0
    for shares in TRUTHS[k]:
        truth = torch.tensor(shares, dtype=torch.float64)
        loss, found = learned(name, options, truth)
        prior = loss.prior(truth)
        assert prior.sum().item() == pytest.approx(1)
        distance = max(distance, (found - prior).abs().max().item())
    assert distance < 1e-3 if loss.proper else distance > 0.01


def test_losses_that_are_not_proper_are_known() -> None:
    assert {name for name in LOSSES if not build(name).proper} == IMPROPER
    assert build("cdw_ce", 2).proper


@every_loss
def test_a_grade_that_is_never_drawn_has_no_prior(name: str) -> None:
    prior = build(name, 3).prior(torch.tensor([0.75, 0.0, 0.25]))
    assert ((prior > 0) == torch.tensor([True, False, True])).all()
