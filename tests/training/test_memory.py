"""The memory of a step, against what autograd saves, and the message if it exceeds the budget."""

from dataclasses import replace

import pytest
import torch
from timm.models.efficientnet import EfficientNet

from multiskin.config import (
    DataConfig,
    FitConfig,
    ModelConfig,
    OptimizerConfig,
    Recipe,
    TrainerConfig,
    parse_bytes,
)
from multiskin.errors import UserError
from multiskin.models.blueprint import Blueprint
from multiskin.models.recomputation import recompute_blocks
from multiskin.schema import Attribute, Schema
from multiskin.training.memory import LiveBytes, check_memory, step_bytes

SCHEMA = Schema((Attribute("shine", 5),))
CONFIG = FitConfig(
    data=DataConfig(batch_size=8),
    model=ModelConfig("test_efficientnet", "none", 64),
    trainer=TrainerConfig(ema_decay=None),
)


def net(config=CONFIG):
    return Blueprint(SCHEMA, config.model, (Recipe(),), ((1,) * 5,)).build()


def of(config=CONFIG, precision="32-true"):
    model = net(config).to("meta")
    if config.model.gradient_checkpointing:
        recompute_blocks(model.backbone.net, config.model.backbone)
    return step_bytes(model, config, precision)


def test_live_bytes_are_those_of_tensors_that_live():
    with LiveBytes() as live:
        first = torch.empty(100, device="meta")
        second = first[10:].view(9, 10)
        assert live.now == 400
        third = second + 1
        assert live.now == live.most == 760
        del first
        assert live.now == 760  # a view keeps all of it
        del second, third
    assert (live.now, live.most) == (0, 760)


def test_a_step_takes_what_autograd_keeps_and_little_more():
    """The bytes of all tensors saved for the backward pass, each once, without weights; transient ones come on top."""
    model = net()
    weights = {tensor.untyped_storage().data_ptr() for tensor in model.state_dict().values()}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model.backbone(torch.rand(8, 3, 64, 64))
    total = 4 * sum(weight.nbytes for weight in model.parameters()) + sum(kept.values())
    assert output is not None
    assert total <= of() < 1.25 * total


def test_what_counts():
    weights = sum(weight.nbytes for weight in net().parameters())
    plain = of()
    assert of(replace(CONFIG, trainer=TrainerConfig())) - plain == weights  # their average
    assert plain - of(replace(CONFIG, optimizer=OptimizerConfig("sgd"))) == weights
    more = of(replace(CONFIG, data=DataConfig(batch_size=16)))
    assert 1.9 < (more - 4 * weights) / (plain - 4 * weights) <= 2.01
    assert 0.5 < (of(precision="bf16-mixed") - 4.5 * weights) / (plain - 4 * weights) < 0.6


@pytest.mark.parametrize(
    ("text", "size"), [("15GB", 15e9), ("14.5 GiB", 14.5 * 2**30), ("800mb", 8e8), ("12kib", 12288), ("7B", 7)]
)
def test_amounts(text, size):
    assert parse_bytes(text, "trainer.memory_budget") == size


@pytest.mark.parametrize("text", ["15", "GB", "-3GB", "15 G", "15iB", "much", ""])
def test_what_is_no_amount_is_named(text):
    with pytest.raises(UserError, match=r"trainer\.memory_budget: .* is not an amount of memory"):
        parse_bytes(text, "trainer.memory_budget")


def with_budget(size, **model):
    trainer = replace(CONFIG.trainer, memory_budget=f"{size:.0f}B", accumulate_grad_batches=2)
    return replace(CONFIG, trainer=trainer, model=replace(CONFIG.model, **model))


def said(config):
    with pytest.raises(UserError) as caught:
        check_memory(config, net(config), "32-true")
    return str(caught.value)


def test_what_fits_is_let_through():
    check_memory(CONFIG, net(), "32-true")
    check_memory(with_budget(of()), net(), "32-true")


def test_what_does_not_fit_is_refused_with_what_would():
    message = said(with_budget(of() - 1))
    assert "a training step of test_efficientnet on 8 photos of 64 x 64 pixels takes 0.0" in message
    assert "these fit: data.batch_size 4 and trainer.accumulate_grad_batches 4 (0.0" in message
    assert "; or model.gradient_checkpointing true (0.0" in message


def test_both_are_told_where_one_is_not_enough():
    recomputed = replace(CONFIG, model=replace(CONFIG.model, gradient_checkpointing=True))
    message = said(with_budget(of(replace(recomputed, data=DataConfig(batch_size=2))) - 1))
    assert "model.gradient_checkpointing true and data.batch_size 1 and trainer.accumulate_grad_batches 16" in message


def test_a_network_without_checkpointing_has_its_batch_alone(monkeypatch):
    def refuse(self, enable=True):
        assert not enable

    monkeypatch.setattr(EfficientNet, "set_grad_checkpointing", refuse)
    message = said(with_budget(of() - 1))
    assert "data.batch_size 4" in message
    assert "gradient_checkpointing" not in message


def test_nothing_may_fit():
    assert "not even one photo fits" in said(with_budget(1000))


def test_a_batch_that_is_too_small_to_normalize_is_no_crash():
    assert "cannot be computed (Expected more than 1 value" in said(with_budget(1000, input_size=32))
