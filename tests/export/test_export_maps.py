"""Maps without automatic differentiation are those with it."""

from collections.abc import Callable

import pytest
import torch

from multiskin.explain.cam import head_maps
from multiskin.export.maps import DERIVATIVES, have_maps, score_maps
from multiskin.heads import HEADS
from multiskin.inference.predictor import Predictor
from multiskin.losses import create_loss
from multiskin.models.skinnet import SkinNet
from multiskin.schema import Attribute

LOSSES = {"categorical": "cross_entropy", "cumulative": "cumulative_link", "continuation": "corn"}


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("k", [2, 3, 6])
def test_the_derivative_of_the_expected_grade_is_that_by_autograd(kind: str, k: int) -> None:
    head = HEADS[kind](4, create_loss(LOSSES[kind], Attribute("shine", k), [1] * k), 0.0, None).double()
    width = k if kind == "categorical" else k - 1
    logits = (3 * torch.randn(20, width, generator=torch.Generator().manual_seed(0))).sort(descending=True).values
    leaf = logits.clone().requires_grad_()
    [expected] = torch.autograd.grad(head.score(head.probabilities(leaf)).sum(), leaf)
    torch.testing.assert_close(DERIVATIVES[kind](logits), expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_all_heads_maps_are_those_that_are_explained(predictor: Predictor) -> None:
    images = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    output = predictor.net(images)
    assert have_maps(output)
    torch.testing.assert_close(score_maps(predictor.net, output), head_maps(predictor.net, images).maps)


@torch.no_grad()
@pytest.mark.parametrize(("backbone", "there"), [("test_resnet", True), ("test_convnext", False)])
def test_a_backbone_that_goes_on_behind_its_pool_has_none(
    net_of: Callable[[str], SkinNet], backbone: str, there: bool
) -> None:
    assert have_maps(net_of(backbone)(torch.randn(2, 3, 64, 64))) == there
