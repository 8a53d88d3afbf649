"""What every loss promises about weights, missing grades, numbers and devices, whatever it computes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from multiskin.config import Recipe
from multiskin.errors import UserError
from multiskin.heads import create_head
from multiskin.losses import LOSSES, Loss, create_loss, in_range
from multiskin.schema import MISSING, Attribute

COUNTS = {2: (3, 40), 3: (700, 0, 12), 5: (26, 735, 1501, 413, 35)}  # by K; one grade was never seen
every_loss = pytest.mark.parametrize("name", LOSSES)
rows = st.integers(1, 12)
seeds = st.integers(0, 2**31)


def build(name: str, k: int = 5) -> Loss:
    return create_loss(name, Attribute("tone", k), COUNTS[k])


def fit(name: str, logits: Tensor) -> Tensor:
    """As many of the logits (B, K) as the loss takes, in the order that it needs."""
    kind = LOSSES[name].logits
    if kind == "categorical":
        return logits
    return logits[:, 1:].sort(dim=1, descending=True).values if kind == "cumulative" else logits[:, 1:]


def draw(name: str, seed: int, b: int, k: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """A batch with missing grades and zero weights among the rows."""
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
def test_rows_that_do_not_count_have_exactly_no_gradient_whatever_their_logits(name: str, junk: float) -> None:
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
    certain = 2 * torch.eye(k) - 1 if LOSSES[name].logits == "categorical" else 1 - 2 * torch.ones(k, k - 1).triu()
    logits = (size * certain).repeat_interleave(k, dim=0)  # each grade certain, right and wrong
    grades = torch.arange(k).repeat(k)
    loss = build(name, k)
    assert loss(logits, grades, torch.ones(k * k)).isfinite()
    assert gradient(loss, logits, grades, torch.ones(k * k)).isfinite().all()


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
def test_the_gradient_is_that_of_finite_differences(name: str) -> None:
    loss, (logits, grades, weight) = build(name), draw(name, seed=3, b=6)
    doubles = logits.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, grades, weight.double()), doubles)


@every_loss
def test_holds_nothing_that_a_checkpoint_would_carry(name: str) -> None:
    loss = build(name)
    assert not loss.state_dict()
    assert not list(loss.parameters())


@every_loss
def test_compiles_to_one_graph_without_a_break(name: str) -> None:
    loss, batch = build(name), draw(name, seed=7, b=6)
    torch.compiler.reset()  # what it compiled for other losses counts against a limit
    compiled = torch.compile(loss, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*batch), loss(*batch))


@pytest.mark.parametrize("value", [0, 0.0, 0.25, 1])
def test_in_range_passes_a_number_on_as_a_float(value: float) -> None:
    result = in_range("rate", value, 0, 2)
    assert (result, type(result)) == (value, float)


@pytest.mark.parametrize("value", [-0.1, 2, math.nan, math.inf, "1", None, True, [1]])
def test_in_range_refuses_all_else(value: object) -> None:
    with pytest.raises(UserError, match=r"rate is .*at least 0 and less than 2"):
        in_range("rate", value, 0, 2)


PROPER = [name for name in LOSSES if name not in ("focal", "class_balanced_focal", "ldam", "cdw_ce", "expected_credit")]


@pytest.mark.parametrize("name", PROPER)
@pytest.mark.parametrize("counts", [(856, 1029, 510, 104, 21), (40, 9)], ids=["K=5", "K=2"])
def test_the_prior_is_what_a_head_that_sees_nothing_ends_with(name: str, counts: tuple[int, ...]) -> None:
    k = len(counts)
    drawn = torch.tensor(counts, dtype=torch.float64).sqrt()
    drawn /= drawn.sum()
    attribute = Attribute("x", k)
    head = create_head(attribute, 1, Recipe(loss=name), counts).double()
    nothing = torch.zeros(k, 1, dtype=torch.float64)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        risk = (drawn * head.loss.per_row(head(nothing), torch.arange(k))).sum()
        risk.backward()
        return risk

    optimizer.step(closure)
    prior = head.loss.prior(drawn)
    assert prior.sum().item() == pytest.approx(1)
    torch.testing.assert_close(head.probabilities(head(nothing))[0].double(), prior, atol=1e-3, rtol=0)


@every_loss
def test_a_grade_that_is_never_drawn_has_no_prior(name: str) -> None:
    prior = build(name, 3).prior(torch.tensor([0.75, 0.0, 0.25]))
    assert ((prior > 0) == torch.tensor([True, False, True])).all()
