from typing import get_args, get_type_hints

import pytest
import timm
import torch

from multiskin.config import ModelConfig, OptimizerConfig, Recipe
from multiskin.errors import UserError
from multiskin.models.blueprint import Blueprint
from multiskin.schema import Attribute, Schema
from multiskin.training.optimizers import (
    FUSED,
    OPTIMIZERS,
    check_fused,
    create_optimizer,
    fuses,
    layer_groups,
    parameter_groups,
)
from multiskin.training.weighting import Fixed, Uncertainty


@pytest.mark.parametrize("name", get_args(get_type_hints(OptimizerConfig)["name"]))
def test_every_optimizer_that_may_be_named_goes_downhill(name):
    slow, fast = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    groups = [{"params": [slow], "lr": 0.001}, {"params": [fast]}]
    optimizer = create_optimizer(OptimizerConfig(name=name, lr=0.1, weight_decay=0.0), groups, fused=False)
    (slow**2 + fast**2).sum().backward()
    optimizer.step()
    assert (slow < 1).all()
    assert (fast < slow).all()


def test_the_weight_decay_is_that_of_the_config():
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = create_optimizer(OptimizerConfig(lr=0.1, weight_decay=0.5), [{"params": [weight]}], fused=False)
    weight.grad = torch.zeros(2)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), torch.full((2,), 1 - 0.1 * 0.5))


def test_every_name_of_the_config_has_an_optimizer():
    assert set(OPTIMIZERS) == set(get_args(get_type_hints(OptimizerConfig)["name"]))


@pytest.mark.parametrize("name", FUSED)
def test_fused_steps_are_the_same_but_for_rounding(name):
    found = []
    for fused in (False, True):
        weight = torch.nn.Parameter(torch.linspace(-1, 1, 50))
        optimizer = create_optimizer(OptimizerConfig(name=name, lr=0.1), [{"params": [weight]}], fused)
        assert bool(optimizer.defaults["fused"]) is fused
        for _ in range(5):
            optimizer.zero_grad()
            (weight**2).sum().backward()
            optimizer.step()
        found.append(weight.detach())
    torch.testing.assert_close(*found)


@pytest.mark.parametrize(
    ("config", "precision", "clips", "expected"),
    [
        (OptimizerConfig(), "32-true", True, True),
        (OptimizerConfig(), "bf16-mixed", True, True),
        (OptimizerConfig(), "16-mixed", False, True),
        (OptimizerConfig(), "16-mixed", True, False),
        (OptimizerConfig(name="rmsprop"), "32-true", False, False),
        (OptimizerConfig(fused=False), "32-true", False, False),
        (OptimizerConfig(fused=True), "32-true", True, True),
    ],
)
def test_steps_are_fused_wherever_they_can_be_unless_told_otherwise(config, precision, clips, expected):
    assert fuses(config, precision, clips) is expected


@pytest.mark.parametrize(
    ("name", "precision", "clips", "said"),
    [("rmsprop", "32-true", False, "rmsprop has no fused kernel"), ("adamw", "16-mixed", True, "too late to clip")],
)
def test_what_cannot_be_fused_is_refused(name, precision, clips, said):
    with pytest.raises(UserError, match=said):
        check_fused(OptimizerConfig(name=name, fused=True), precision, clips)
    check_fused(OptimizerConfig(name=name), precision, clips)
    check_fused(OptimizerConfig(fused=True), "bf16-mixed", clips)


def test_earlier_layers_learn_more_slowly_and_every_weight_once():
    net = timm.create_model("test_efficientnet", num_classes=0)
    groups = layer_groups(net, OptimizerConfig(lr=0.1, weight_decay=0.3, layer_decay=0.5))
    of_weight = {id(weight): group for group in groups for weight in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(of_weight) == len(list(net.parameters()))
    stem, last = (of_weight[id(layer.weight)]["lr"] for layer in (net.conv_stem, net.conv_head))
    assert last == pytest.approx(0.1)
    assert 0 < stem < 0.1 * 0.5
    for weight in net.parameters():
        assert of_weight[id(weight)]["weight_decay"] == (0.3 if weight.ndim > 1 else 0.0)


class TestParameterGroups:
    @pytest.fixture
    def net(self):
        schema = Schema((Attribute("first", 5), Attribute("second", 3)))
        counts = ((1,) * 5, (1,) * 3)
        return Blueprint(schema, ModelConfig("test_efficientnet", "none", 32), (Recipe(), Recipe()), counts).build()

    def test_every_parameter_is_in_one_group_and_vectors_are_not_decayed(self, net):
        config = OptimizerConfig()
        groups = parameter_groups(net, Fixed(), config)
        given = [parameter for group in groups for parameter in group["params"]]
        assert len(given) == len(set(map(id, given))) == len(list(net.parameters()))
        for group in groups:
            vectors = {parameter.ndim == 1 for parameter in group["params"]}
            assert vectors == {group.get("weight_decay") == 0.0}

    def test_heads_have_a_rate_of_their_own(self, net):
        config = OptimizerConfig(head_lr_factor=2.0)
        heads = {id(parameter) for parameter in net.heads.parameters()}
        for group in parameter_groups(net, Fixed(), config):
            factor = 2.0 if id(group["params"][0]) in heads else 1.0
            assert group["lr"] == factor * config.lr

    def test_layers_and_heads_have_rates_of_their_own_and_every_weight_one(self, net):
        config = OptimizerConfig(lr=0.1, head_lr_factor=3.0, layer_decay=0.5)
        groups = parameter_groups(net, Fixed(), config)
        given = [parameter for group in groups for parameter in group["params"]]
        assert len(given) == len(set(map(id, given))) == len(list(net.parameters()))
        rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
        assert {rates[id(parameter)] for parameter in net.heads.parameters()} == {0.1 * 3.0}
        assert rates[id(net.backbone.net.conv_stem.weight)] < 0.1 / 2

    def test_what_a_weighting_learns_has_a_rate_of_its_own_and_is_not_decayed(self, net):
        weighting = Uncertainty(2)
        *_, last = parameter_groups(net, weighting, OptimizerConfig(lr=0.1))
        assert last["params"] == list(weighting.parameters())
        assert (last["lr"], last["weight_decay"]) == (0.1 * Uncertainty.lr_factor, 0.0)
