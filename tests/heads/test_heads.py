import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from multiskin.config import Recipe
from multiskin.errors import UserError
from multiskin.heads import HEADS, CategoricalHead, ContinuationHead, CumulativeHead, Head, create_head
from multiskin.losses import LOSSES, create_loss
from multiskin.schema import MISSING, Attribute

C = 6
COUNTS = {2: (5, 3), 3: (4, 0, 9), 5: (1, 7, 9, 4, 2)}
KINDS = ["cross_entropy", "coral", "corn", "cumulative_link"]  # one loss for each kind of head
of_every_kind = pytest.mark.parametrize("loss", KINDS)


def build(k: int = 5, loss: str = "cross_entropy", dropout: float = 0.2) -> Head:
    recipe = Recipe(loss=loss, dropout=dropout)
    return create_head(Attribute("tone", k), C, recipe, COUNTS[k])


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", LOSSES)
def test_a_head_with_any_loss_gives_logits_probabilities_and_a_loss(name: str) -> None:
    head = build(3, name)
    logits = head(noise(4, C))
    grades, weight = torch.tensor([0, MISSING, 2, 0]), torch.tensor([1.0, 1.0, 0.5, 0.0])
    assert head.probabilities(logits).shape == (4, 3)
    own = create_loss(name, Attribute("tone", 3), COUNTS[3])
    torch.testing.assert_close(head.loss(logits, grades, weight), own(logits, grades, weight))


@of_every_kind
@settings(max_examples=30, deadline=None)
@given(
    data=st.data(),
    k=st.sampled_from(sorted(COUNTS)),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
)
def test_probabilities_sum_to_one_and_the_score_is_the_expected_grade(
    loss: str, data: st.DataObject, k: int, dtype: torch.dtype
) -> None:
    head = build(k, loss)
    d = len(head.readout)
    row = st.lists(st.floats(-1e4, 1e4, width=32), min_size=d, max_size=d)
    logits = torch.tensor(data.draw(st.lists(row, min_size=1, max_size=5))).to(dtype)
    if head.logit_kind == "cumulative":
        logits = logits.sort(dim=1, descending=True).values
    probabilities, logs = head.probabilities(logits), head.log_probabilities(logits)
    assert probabilities.dtype == logs.dtype == torch.float32
    assert logs.isfinite().all()
    torch.testing.assert_close(logs.exp(), probabilities)
    assert (probabilities >= 0).all()
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(len(logits)))
    expected = [sum(grade * p for grade, p in enumerate(row)) for row in probabilities.tolist()]
    scores = head.score(probabilities)
    assert scores.tolist() == pytest.approx(expected, abs=1e-5)
    assert (scores >= 0).all()
    assert (scores <= k - 1 + 1e-5).all()


def test_the_score_keeps_its_precision_under_autocast() -> None:
    head, probabilities = build(), noise(8, 5).softmax(dim=1)
    with torch.autocast("cpu", torch.bfloat16):
        score = head.score(probabilities)
    torch.testing.assert_close(score, head.score(probabilities))


@of_every_kind
@pytest.mark.parametrize("k", sorted(COUNTS))
def test_the_readout_of_the_maps_pools_to_the_logits(loss: str, k: int) -> None:
    head = build(k, loss).eval()
    torch.nn.init.normal_(head.linear.bias)
    maps = noise(3, C, 4, 5)
    with torch.no_grad():
        of_maps = torch.einsum("dc,bchw->bdhw", head.readout, maps)
        constant = head(torch.zeros(1, C))
        torch.testing.assert_close(head(maps.mean(dim=(2, 3))), of_maps.mean(dim=(2, 3)) + constant)


def test_dropout_works_in_training_only() -> None:
    head, features = build(dropout=0.5), torch.ones(200, C)
    assert head(features).std(dim=0).max() > 1e-3
    logits = head.eval()(features)
    torch.testing.assert_close(logits, logits[:1].expand(200, 5))


@of_every_kind
@pytest.mark.parametrize("k", [*sorted(COUNTS), 9])
def test_training_starts_near_equal_probabilities(loss: str, k: int) -> None:
    torch.manual_seed(0)
    head = create_head(Attribute("tone", k), 1280, Recipe(loss=loss), (1,) * k).eval()
    probabilities = head.probabilities(head(noise(400, 1280)))
    torch.testing.assert_close(probabilities.mean(dim=0), torch.full((k,), 1 / k), atol=0.05, rtol=0)
    surprise = -probabilities[torch.arange(400), torch.arange(400) % k].log().mean().item()
    assert surprise == pytest.approx(math.log(k), abs=0.15)
    assert (probabilities.std(dim=0) > 0).all()


@of_every_kind
def test_a_batch_without_grades_gives_the_layer_a_gradient_of_zeros(loss: str) -> None:
    head = build(loss=loss)
    head.loss(head(noise(4, C)), torch.full((4,), MISSING), torch.ones(4)).backward()
    for parameter in head.parameters():
        assert parameter.grad is not None
        assert (parameter.grad == 0).all()


@of_every_kind
def test_a_row_without_a_grade_gives_its_features_no_gradient(loss: str) -> None:
    head, features = build(loss=loss, dropout=0.0), noise(3, C).requires_grad_()
    head.loss(head(features), torch.tensor([1, MISSING, 4]), torch.ones(3)).backward()
    assert (features.grad[1] == 0).all()
    assert (features.grad[[0, 2]] != 0).any(dim=1).all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_checkpoint_contains_only_the_linear_layer_and_cut_points(name: str) -> None:
    head = build(loss=name)
    cut_points = {"paced_gaps"} if isinstance(head, CumulativeHead) else set()
    assert set(head.state_dict()) == {"linear.weight", "linear.bias"} | cut_points


def test_the_recipe_reaches_the_head() -> None:
    recipe = Recipe(loss="focal", loss_options={"gamma": 1.0}, dropout=0.35)
    head = create_head(Attribute("kind", 3, kind="nominal"), C, recipe, COUNTS[3])
    assert isinstance(head, CategoricalHead)
    assert (head.linear.in_features, head.linear.out_features) == (C, 3)
    assert (head.loss.gamma, head.dropout.p) == (1.0, 0.35)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, "much", None])
def test_the_message_on_an_invalid_dropout_names_the_attribute(dropout: object) -> None:
    with pytest.raises(UserError, match=r"heads\.tone\.dropout is .*at least 0 and less than 1"):
        build(dropout=dropout)


@of_every_kind
def test_exports_with_any_batch_size(loss: str) -> None:
    head = build(3, loss).eval()
    program = torch.export.export(head, (noise(4, C),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.testing.assert_close(program.module()(noise(7, C)), head(noise(7, C)))


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_gets_the_head_for_its_logits(name: str) -> None:
    expected = {"coral": CumulativeHead, "cumulative_link": CumulativeHead, "corn": ContinuationHead}
    assert type(build(loss=name)) is expected.get(name, CategoricalHead)


@of_every_kind
@pytest.mark.parametrize("kind", HEADS)
def test_a_loss_that_takes_other_logits_is_refused(kind: str, loss: str) -> None:
    given = create_loss(loss, Attribute("tone", 3), COUNTS[3])
    if given.logit_kind == kind:
        assert HEADS[kind](C, given, 0.0).loss is given
        return
    with pytest.raises(UserError, match=rf"gives {kind} logits and the loss .* takes {given.logit_kind} ones; choose"):
        HEADS[kind](C, given, 0.0)
