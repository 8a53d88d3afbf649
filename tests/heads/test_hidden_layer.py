"""Heads of every kind with a hidden layer behave as those without."""

import math

import pytest
import torch
from torch import Tensor

from multiskin.config import Recipe
from multiskin.errors import UserError
from multiskin.heads import CumulativeHead, Head, create_head
from multiskin.schema import MISSING, Attribute

C, UNITS = 6, 4
KINDS = ["cross_entropy", "coral", "corn", "cumulative_link"]  # one loss for each kind of head
of_every_kind = pytest.mark.parametrize("loss", KINDS)
of_any_grades = pytest.mark.parametrize("k", [2, 3, 5])


def build(loss: str, k: int = 5, hidden: int | None = UNITS, dropout: float = 0.2) -> Head:
    torch.manual_seed(0)
    return create_head(Attribute("tone", k), C, Recipe(loss=loss, dropout=dropout, hidden=hidden), (1,) * k)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


def gelu(x: float) -> float:
    return x * (1 + math.erf(x / math.sqrt(2))) / 2


def test_the_logits_equal_those_of_two_layers_by_hand() -> None:
    head = build("cross_entropy", 3).eval()
    torch.nn.init.normal_(head.linear.weight)
    (first, first_bias), (last, last_bias) = (
        (layer.weight.tolist(), layer.bias.tolist()) for layer in (head.hidden[0], head.linear)
    )
    [photo] = noise(1, C).tolist()
    units = [
        gelu(sum(w * x for w, x in zip(row, photo, strict=True)) + bias)
        for row, bias in zip(first, first_bias, strict=True)
    ]
    logits = [sum(w * u for w, u in zip(row, units, strict=True)) + b for row, b in zip(last, last_bias, strict=True)]
    assert head(noise(1, C))[0].tolist() == pytest.approx(logits, abs=1e-5)


@of_any_grades
@of_every_kind
def test_the_readout_is_of_the_hidden_units(loss: str, k: int) -> None:
    head, features = build(loss, k).eval(), noise(3, C)
    torch.nn.init.normal_(head.linear.weight)
    assert head.readout.shape[1] == UNITS
    constant = head(features[:1]) - head.hidden(features[:1]) @ head.readout.T
    torch.testing.assert_close(head(features), head.hidden(features) @ head.readout.T + constant)
    assert head.probabilities(head(features)).shape == (3, k)


@of_any_grades
@of_every_kind
def test_training_starts_near_equal_probabilities(loss: str, k: int) -> None:
    torch.manual_seed(0)
    head = create_head(Attribute("tone", k), 1280, Recipe(loss=loss, hidden=128), (1,) * k).eval()
    probabilities = head.probabilities(head(noise(400, 1280)))
    torch.testing.assert_close(probabilities.mean(dim=0), torch.full((k,), 1 / k), atol=0.05, rtol=0)
    assert (probabilities.std(dim=0) > 0).all()


def test_the_hidden_units_start_at_the_scale_of_the_features() -> None:
    torch.manual_seed(0)
    head = create_head(Attribute("tone", 3), 1280, Recipe(hidden=256), (1,) * 3)
    for size in (0.1, 10.0):
        units = head.hidden(size * noise(50, 1280))
        assert units.square().mean().sqrt().item() == pytest.approx(size, rel=0.4)


def test_dropout_is_between_the_layers_and_in_training_only() -> None:
    head, features = build("cross_entropy", dropout=0.5), torch.ones(200, C)
    torch.nn.init.normal_(head.linear.weight)
    kept = (
        head.hidden(features[0]) * head.linear.weight / 0.5
    )  # (K, U), the contribution of each unit that is not dropped
    masks = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * UNITS)  # (2 ** U, U)
    possible = masks @ kept.T + head.linear.bias
    assert (head(features)[:, None] - possible).abs().amax(dim=2).amin(dim=1).max() < 1e-4
    logits = head.eval()(features)
    torch.testing.assert_close(logits, logits[:1].expand(200, 5))


@of_every_kind
def test_a_batch_without_grades_gives_all_layers_a_gradient_of_zeros(loss: str) -> None:
    head = build(loss)
    head.loss(head(noise(4, C)), torch.full((4,), MISSING), torch.ones(4)).backward()
    for parameter in head.parameters():
        assert parameter.grad is not None
        assert (parameter.grad == 0).all()


@of_every_kind
def test_a_checkpoint_contains_the_layer_if_there_is_one(loss: str) -> None:
    cut_points = {"paced_gaps"} if isinstance(build(loss), CumulativeHead) else set()
    last = {"linear.weight", "linear.bias"} | cut_points
    assert set(build(loss).state_dict()) == last | {"hidden.0.weight", "hidden.0.bias"}
    assert set(build(loss, hidden=None).state_dict()) == last


@of_every_kind
def test_it_learns_a_nonlinear_function(loss: str) -> None:
    """Exclusive or, which is not linearly separable."""
    torch.manual_seed(0)
    head = create_head(Attribute("tone", 2), 2, Recipe(loss=loss, dropout=0.0, hidden=16), (2, 2))
    features, grades = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]), torch.tensor([0, 1, 1, 0])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        head.loss(head(features), grades, torch.ones(4)).backward()
        optimizer.step()
    assert head.probabilities(head(features)).argmax(dim=1).tolist() == grades.tolist()


@pytest.mark.parametrize("hidden", [0, -8, True, 10**9])
def test_the_message_on_an_invalid_number_of_units_names_the_attribute(hidden: int) -> None:
    with pytest.raises(UserError, match=r"heads\.tone\.hidden is .*at least 1 and less than"):
        build("cross_entropy", hidden=hidden)


@pytest.mark.parametrize("loss", ["cross_entropy", "coral"])
def test_exports_with_any_batch_size(loss: str) -> None:
    head = build(loss, 3).eval()
    program = torch.export.export(head, (noise(4, C),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.testing.assert_close(program.module()(noise(7, C)), head(noise(7, C)))
