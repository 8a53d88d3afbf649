"""One network with several heads: each predicts and learns on its own, and map gradients have a closed form."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from multiskin.config import ModelConfig, Recipe
from multiskin.errors import UserError
from multiskin.losses import create_loss
from multiskin.models.blueprint import Blueprint
from multiskin.models.skinnet import SkinNet
from multiskin.schema import MISSING, Attribute, Schema

SCHEMA = Schema(
    (Attribute("shine", 5), Attribute("lines", 3), Attribute("kind", 4, kind="nominal"), Attribute("on", 2))
)
RECIPES = (
    Recipe(loss="focal", loss_options={"gamma": 1.5}, decision="median"),
    Recipe(loss="class_balanced_cross_entropy", decision="argmax"),
    Recipe(decision="median"),  # which nominal grades cannot use
    Recipe(loss="label_smoothing"),
)
COUNTS = ((9, 4, 1, 0, 2), (5, 5, 1), (1, 2, 3, 4), (7, 1))
H, WIDTH = len(SCHEMA), SCHEMA.max_grades


def build(name: str = "test_efficientnet") -> SkinNet:
    """A network whose heads distinguish photos, as trained ones do."""
    torch.manual_seed(0)
    net = Blueprint(SCHEMA, ModelConfig(name, input_size=64), RECIPES, COUNTS).build()
    for _, head in net.named_heads():
        torch.nn.init.normal_(head.linear.weight, std=0.5)
    return net


@pytest.fixture
def net() -> SkinNet:
    return build().eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(6, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def grades() -> Tensor:
    return torch.tensor(
        [[4, 0, 3, 1], [MISSING, 2, 0, 0], [1, MISSING, MISSING, 1], [MISSING] * 4, [0, 1, 2, MISSING], [2, 2, 1, 0]]
    )


def test_an_output_has_maps_features_and_named_logits(net: SkinNet, images: Tensor) -> None:
    maps, features, logits, stages = net(images)
    assert stages == {}
    channels = net.backbone.num_features
    assert maps.shape == (6, channels, 2, 2)
    assert features.shape == (6, channels)
    assert {name: tuple(values.shape) for name, values in logits.items()} == {
        "shine": (6, 5),
        "lines": (6, 3),
        "kind": (6, 4),
        "on": (6, 2),
    }
    for name, head in net.named_heads():
        torch.testing.assert_close(logits[name], head(features))


def test_probabilities_are_padded_with_zeros_beyond_a_heads_own_grades(net: SkinNet, images: Tensor) -> None:
    logits = net(images).logits
    probabilities = net.probabilities(logits)
    assert probabilities.shape == (6, H, WIDTH)
    torch.testing.assert_close(probabilities.sum(dim=2), torch.ones(6, H))
    for h, attribute in enumerate(SCHEMA):
        torch.testing.assert_close(probabilities[:, h, : attribute.grades], logits[attribute.name].softmax(dim=1))
        assert (probabilities[:, h, attribute.grades :] == 0).all()


def test_each_head_decides_by_its_own_rule_and_a_nominal_one_by_argmax(net: SkinNet) -> None:
    rows = torch.tensor(
        [[0.4, 0.0, 0.3, 0.3, 0.0], [0.3, 0.3, 0.4, 0, 0], [0.3, 0.3, 0.0, 0.4, 0], [0.2, 0.8, 0, 0, 0]]
    )
    decided = net.decide(torch.stack([rows, rows]))  # argmax 0, 2, 3, 1; median 2, 1, 1, 1
    assert decided.tolist() == [[2, 2, 3, 1]] * 2
    assert decided.dtype == torch.int64


def test_each_heads_loss_is_that_of_its_recipe_on_its_own_column(net: SkinNet, images: Tensor, grades: Tensor) -> None:
    weight = torch.rand(6, H, generator=torch.Generator().manual_seed(2))
    logits = net(images).logits
    losses = net.losses(logits, grades, weight)
    assert losses.shape == (H,)
    for h, (attribute, recipe, counts) in enumerate(zip(SCHEMA, RECIPES, COUNTS, strict=True)):
        loss = create_loss(recipe.loss, attribute, counts, **recipe.loss_options)
        total = 0.0
        for row in range(6):
            if grades[row, h] != MISSING:
                one = slice(row, row + 1)
                total += loss(logits[attribute.name][one], grades[one, h], weight[one, h]).item()
        assert losses[h].item() == pytest.approx(total / 6, rel=1e-5)


def test_a_head_without_grades_learns_nothing_and_does_no_harm(net: SkinNet, images: Tensor, grades: Tensor) -> None:
    net.train()
    grades[:, 1] = MISSING
    losses = net.losses(net(images).logits, grades, torch.ones(6, H))
    assert losses[1] == 0
    losses.sum().backward()
    gradients = {name: parameter.grad for name, parameter in net.named_parameters()}
    for name, gradient in gradients.items():
        assert gradient is not None, name
        assert gradient.isfinite().all(), name
        assert bool(gradient.any()) != name.startswith("heads.1."), name


def test_a_batch_without_a_grade_gives_all_weights_a_gradient_of_zeros(net: SkinNet, images: Tensor) -> None:
    losses = net.train().losses(net(images).logits, torch.full((6, H), MISSING), torch.ones(6, H))
    assert losses.tolist() == [0.0] * H
    losses.sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad == 0).all(), name


def test_heads_learn_from_their_own_loss_alone(net: SkinNet, images: Tensor, grades: Tensor) -> None:
    losses = net.losses(net(images).logits, grades, torch.ones(6, H))
    weights = [head.linear.weight for _, head in net.named_heads()]
    for h in range(H):
        gradients = torch.autograd.grad(losses[h], weights, retain_graph=True)
        assert [bool(gradient.any()) for gradient in gradients] == [other == h for other in range(H)]


def test_the_state_dict_contains_only_weights(net: SkinNet) -> None:
    beside = {name for name in net.state_dict() if not name.startswith("backbone.net.")}
    assert beside == {f"heads.{h}.linear.{part}" for h in range(H) for part in ("weight", "bias")}


@pytest.mark.parametrize("name", ["efficientnet_b0", "test_resnet"])
def test_the_gradient_of_the_expected_grade_on_the_map_has_a_closed_form(name: str, images: Tensor) -> None:
    """ds/dmap_c(y, x) = sum over k of ds/dlogit_k W_kc / (h w), with ds/dlogit_k = p_k (k - s) for s = E[k]."""
    net = build(name).eval()
    maps, _, logits, _ = net(images[:2])
    h, w = maps.shape[2:]
    for attribute, (_, head) in zip(SCHEMA, net.named_heads(), strict=True):
        probabilities = head.probabilities(logits[attribute.name])
        score = head.score(probabilities)  # (B,)
        [gradient] = torch.autograd.grad(score.sum(), maps, retain_graph=True)  # (B, C, h, w)
        of_logits = probabilities * (torch.arange(attribute.grades) - score[:, None])  # (B, K)
        closed = torch.einsum("bk,kc->bc", of_logits, head.readout) / (h * w)
        torch.testing.assert_close(gradient, closed[:, :, None, None].expand_as(gradient), rtol=1e-4, atol=1e-6)
        assert gradient.abs().max() > 1e-3


def test_exports_with_any_batch_size(net: SkinNet, images: Tensor) -> None:
    program = torch.export.export(net, (images,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    expected = net(images[:3])
    found = program.module()(images[:3])
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.maps, expected.maps)


FINER = tuple(replace(recipe, stride=stride) for recipe, stride in zip(RECIPES, (None, 8, 16, 8), strict=True))


def build_finer(name: str = "test_efficientnet", recipes: tuple[Recipe, ...] = FINER) -> SkinNet:
    torch.manual_seed(0)
    return Blueprint(SCHEMA, ModelConfig(name, input_size=64), recipes, COUNTS).build().eval()


def test_a_head_reads_the_mean_of_its_stage_after_the_features(images: Tensor) -> None:
    net = build_finer()
    output = net(images)
    assert {stride: tuple(stage.shape) for stride, stage in output.stages.items()} == {
        8: (6, 32, 8, 8),
        16: (6, 48, 4, 4),
    }
    for (name, head), stride in zip(net.named_heads(), net.strides, strict=True):
        pooled = [] if stride is None else [output.stages[stride].flatten(2).mean(dim=2)]
        torch.testing.assert_close(output.logits[name], head(torch.cat([output.features, *pooled], dim=1)))


def test_a_head_that_reads_no_stage_is_unaffected_by_the_stages_of_others(images: Tensor) -> None:
    net, plain = build_finer(), build_finer(recipes=RECIPES)
    plain.backbone.load_state_dict(net.backbone.state_dict())
    plain.heads[0].load_state_dict(net.heads[0].state_dict())
    torch.testing.assert_close(net(images).logits["shine"], plain(images).logits["shine"])
    assert net.state_dict().keys() == plain.state_dict().keys()


def test_the_gradient_of_a_stage_skips_the_layers_after_it(images: Tensor, grades: Tensor) -> None:
    net = build_finer()
    with torch.no_grad():
        net.heads[1].linear.weight[:, : net.backbone.num_features] = 0
    net.losses(net(images).logits, grades, torch.ones(6, H))[1].backward()
    blocks = net.backbone.net.blocks
    assert [any(p.grad is not None and p.grad.any() for p in block.parameters()) for block in blocks] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_the_message_on_a_missing_stage_names_the_head_and_its_option() -> None:
    with pytest.raises(UserError, match=r"^heads\.lines\.stride is 8; .*VisionTransformer"):
        build_finer("test_vit")
    with pytest.raises(UserError, match=r"^heads\.on\.stride is 3; .*give one of 2, 4, 8, 16"):
        build_finer(recipes=(*RECIPES[:3], replace(RECIPES[3], stride=3)))


def test_with_finer_stages_and_hidden_layers_exports_with_any_batch_size(images: Tensor) -> None:
    net = build_finer(recipes=tuple(replace(recipe, hidden=8) for recipe in FINER))
    program = torch.export.export(net, (images,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    expected, found = net(images[:3]), program.module()(images[:3])
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(dict(found.stages), dict(expected.stages))
