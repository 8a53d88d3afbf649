"""Heads of ordered grades: what their logits mean, for any number of grades and in any precision."""

import math

import pytest
import torch
from captum.attr import LayerGradCam
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import SelectAdaptivePool2d
from torch import Tensor, nn

from multiskin.config import ModelConfig, Recipe
from multiskin.errors import UserError
from multiskin.explain.cam import closed_form
from multiskin.explain.scalars import Scalar, class_logit, more_than, probability, score
from multiskin.heads import Head, create_head
from multiskin.models.blueprint import Blueprint
from multiskin.models.skinnet import SkinNet
from multiskin.schema import Attribute, Schema

ORDERED = ["coral", "corn", "cumulative_link"]
cumulative = pytest.mark.parametrize("loss", ["coral", "cumulative_link"])
of_ordered = pytest.mark.parametrize("loss", ORDERED)
C = 4


def build(loss: str, k: int) -> Head:
    return create_head(Attribute("tone", k), C, Recipe(loss=loss), (3,) * k).eval()


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def scatter(head: Head, size: float) -> Head:
    for parameter in head.parameters():
        parameter.copy_(size * noise(*parameter.shape))
    return head


@pytest.mark.parametrize("k", [2, 3, 7])
@of_ordered
def test_cumulative_probabilities_follow_from_the_logits(loss: str, k: int) -> None:
    head = scatter(build(loss, k), 1.0)
    logits = head(noise(5, C))
    assert logits.shape == (5, k - 1)
    higher = 1.0
    for cut in range(k - 1):
        odds = logits[:, cut].sigmoid()
        higher = higher * odds if loss == "corn" else odds
        torch.testing.assert_close(head.probabilities(logits)[:, cut + 1 :].sum(dim=1), higher)


@cumulative
def test_a_few_hundred_steps_suffice_for_middle_grades_to_become_likely(loss: str) -> None:
    head, grades = create_head(Attribute("tone", 5), 1, Recipe(loss=loss, dropout=0), (1,) * 5), torch.arange(5)
    nn.init.ones_(head.linear.weight)
    features = 3.0 * (grades[:, None] - 2)  # far apart, given the right cut points
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    for _ in range(300):
        optimizer.zero_grad()
        head.loss(head(features), grades, torch.ones(5)).backward()
        optimizer.step()
    assert head.probabilities(head(features))[2, 2] > 0.5


@pytest.mark.parametrize("loss", ["corn", "cumulative_link"])
def test_the_loss_is_the_negative_log_likelihood(loss: str) -> None:
    head = scatter(build(loss, 5), 1.0)
    logits, grades = head(noise(20, C)), torch.arange(20) % 5
    surprise = -head.probabilities(logits)[torch.arange(20), grades].log()
    torch.testing.assert_close(head.loss(logits, grades, torch.ones(20)), surprise.mean())


@cumulative
@pytest.mark.parametrize("size", [1.0, 30.0, 1e4])
@pytest.mark.parametrize("k", [2, 3, 7])
def test_cut_points_are_in_order_for_any_parameters(loss: str, size: float, k: int) -> None:
    head = scatter(build(loss, k), size)
    logits = head(noise(5, C))
    assert (logits.diff(dim=1) <= 0).all()
    probabilities = head.probabilities(logits)
    assert (probabilities >= 0).all()
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(5))


@cumulative
def test_a_larger_number_means_a_higher_score(loss: str) -> None:
    head = build(loss, 5)
    nn.init.ones_(head.linear.weight)
    scores = head.score(head.probabilities(head(torch.linspace(-3, 3, 20)[:, None].expand(-1, C))))
    assert (scores.diff() > 0).all()


@of_ordered
@settings(max_examples=25, deadline=None)
@given(size=st.sampled_from([0.0, 1.0, 1e2, 1e4]), k=st.sampled_from([2, 3, 5]), seed=st.integers(0, 2**31))
def test_losses_and_gradients_of_all_parameters_are_finite(loss: str, size: float, k: int, seed: int) -> None:
    head = build(loss, k)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(size * torch.randn(parameter.shape, generator=random))
    features = torch.randn(6, C, generator=random).requires_grad_()
    value = head.loss(head(features), torch.arange(6) % k, torch.ones(6))
    value.backward()
    assert value.isfinite()
    assert all(part.grad is not None and part.grad.isfinite().all() for part in [features, *head.parameters()])


@cumulative
@pytest.mark.parametrize("autocast", [True, False])
def test_half_precision_merges_no_cut_points(loss: str, autocast: bool) -> None:
    """Near 300, bfloat16 has a spacing of 2, whereas cut points are less than 1 apart."""
    head, features = build(loss, 5), torch.full((2, C), 75.0)
    nn.init.ones_(head.linear.weight)
    expected = head(features).diff(dim=1)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        logits = head(features) if autocast else head.bfloat16()(features.bfloat16())
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits.diff(dim=1), expected, atol=0.01, rtol=0)


@pytest.mark.parametrize("k", [2, 5])
@of_ordered
def test_a_step_of_the_optimizer_moves_towards_the_grades_and_keeps_their_order(loss: str, k: int) -> None:
    """With two grades there is no gap between cut points, and the parameter is empty."""
    head = build(loss, k)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.05)
    features, grades = noise(12, C), torch.zeros(12, dtype=torch.int64)
    values = []
    for _ in range(5):
        value = head.loss(head(features), grades, torch.ones(12))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values == sorted(values, reverse=True)
    assert head.probabilities(head(features))[:, 0].mean() > 1 / k


def test_the_gap_of_a_grade_without_photos_shrinks() -> None:
    head = build("cumulative_link", 3)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=100, line_search_fn="strong_wolfe")
    features, grades = torch.zeros(8, C), torch.tensor([0, 2] * 4)

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = head.loss(head(features), grades, torch.ones(8))
        value.backward()
        return value

    optimizer.step(closure)
    [p] = head.probabilities(head(features[:1]))
    assert p.tolist() == pytest.approx([0.5, 0, 0.5], abs=0.01)


@pytest.fixture(scope="module")
def net() -> SkinNet:
    """One head for each loss and for 2, 3 and 5 grades, with logits that differ by about 1 from photo to photo."""
    torch.manual_seed(0)
    schema = Schema(tuple(Attribute(f"{loss}_{k}", k) for loss in ORDERED for k in (2, 3, 5)))
    recipes = tuple(Recipe(loss=loss) for loss in ORDERED for _ in range(3))
    counts = tuple((1,) * attribute.grades for attribute in schema)
    built = Blueprint(schema, ModelConfig("test_efficientnet", input_size=64), recipes, counts).build()
    with torch.no_grad():
        for layer in built.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0
        _, features = built.train().backbone(noise(4, 3, 64, 64))
        for _, head in built.named_heads():
            nn.init.normal_(head.linear.weight)
            head.linear.weight.div_((features @ head.linear.weight.T).std().clamp(min=1e-3))
    return built.eval()


@pytest.mark.parametrize("scalar", [score, probability(1), more_than(0)], ids=["score", "p1", ">0"])
def test_maps_in_closed_form_equal_grad_cam_of_captum(net: SkinNet, scalar: Scalar) -> None:
    photos = noise(2, 3, 64, 64)
    found = closed_form(net, net(photos), scalar)
    [pool] = [layer for layer in net.modules() if isinstance(layer, SelectAdaptivePool2d)]
    for h, (attribute, (name, head)) in enumerate(zip(net.schema, net.named_heads(), strict=True)):
        cam = LayerGradCam(lambda x, a=attribute, n=name, head=head: scalar(a, head, net(x).logits[n]), pool)
        expected = cam.attribute(photos, attribute_to_layer_input=True, relu_attributions=False)[:, 0]
        scale = expected.abs().max()
        assert scale > 1e-3
        assert (found.maps[:, h] - expected).abs().max() <= 1e-5 * scale


def test_a_class_logit_of_a_head_without_one_is_refused(net: SkinNet) -> None:
    with pytest.raises(UserError, match="has 1 logits for 2 grades"):
        closed_form(net, net(noise(1, 3, 64, 64)), class_logit(1))


def test_cut_points_start_where_all_grades_are_equally_probable() -> None:
    cuts = -build("cumulative_link", 4)(torch.zeros(1, C))[0]
    assert cuts.tolist() == pytest.approx([math.log(1 / 3), 0, math.log(3)], abs=1e-6)
