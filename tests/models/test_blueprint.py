"""A network can be rebuilt from a blueprint and a state dict."""

import io
from dataclasses import replace

import torch
import yaml

from multiskin.config import ModelConfig, Recipe
from multiskin.models.blueprint import NETWORK, Blueprint
from multiskin.schema import Attribute, Schema

BLUEPRINT = Blueprint(
    Schema(
        (
            Attribute("shine", 5, display={"en": "Shine", "ko": "유분"}, lowest={"en": "matt"}),
            Attribute("주름", 3, grade_names=("없음", "보통", "심함"), column="주름 등급"),
            Attribute("kind", 2, kind="nominal"),
        )
    ),
    ModelConfig("test_efficientnet", weights="none", input_size=64, output_stride=16),
    (
        Recipe(loss="focal", loss_options={"gamma": 1.5}, resample=[0.1, 0.3, 0.4, 0.0, 0.2], decision="median"),
        Recipe(augment=["HorizontalFlip", {"RandomCrop": {"size": 48}}], dropout=0.4),
        Recipe(loss="class_balanced_cross_entropy", loss_weight=2.0, share=0.5),
    ),
    ((9, 4, 1, 0, 2), (5, 5, 1), (1, 2)),
    {"shine": ("forehead", "chin"), "주름": ("눈가",)},
)


def through_a_checkpoint(content: dict) -> dict:
    file = io.BytesIO()
    torch.save(content, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def test_survives_a_checkpoint_loaded_with_weights_only() -> None:
    assert Blueprint.from_dict(through_a_checkpoint(BLUEPRINT.to_dict())) == BLUEPRINT


def test_survives_yaml() -> None:
    assert Blueprint.from_dict(yaml.safe_load(yaml.safe_dump(BLUEPRINT.to_dict()))) == BLUEPRINT


def test_a_blueprint_saved_before_parts_existed_has_none() -> None:
    content = BLUEPRINT.to_dict()
    del content["parts"]
    assert Blueprint.from_dict(content) == replace(BLUEPRINT, parts={})


def test_the_rebuilt_network_gives_the_same_logits() -> None:
    torch.manual_seed(0)
    net = BLUEPRINT.build().eval()
    state = {NETWORK + name: weight for name, weight in net.state_dict().items()}
    saved = through_a_checkpoint({"blueprint": BLUEPRINT.to_dict(), "state_dict": state | {"other": torch.zeros(1)}})
    again = Blueprint.from_dict(saved["blueprint"]).restore(saved["state_dict"]).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(again(images)._asdict(), net(images)._asdict(), rtol=0, atol=0)
    assert again.schema == net.schema
    assert again.decisions == net.decisions == ["median", "credit", "argmax"]


def test_the_rebuilt_losses_have_the_same_counts() -> None:
    net, again = BLUEPRINT.build(), Blueprint.from_dict(BLUEPRINT.to_dict()).build()
    logits = {attribute.name: torch.randn(4, attribute.grades) for attribute in BLUEPRINT.schema}
    grades, weight = torch.tensor([[0, 0, 1], [4, -1, 0], [2, 2, -1], [1, 1, 1]]), torch.rand(4, 3)
    torch.testing.assert_close(again.losses(logits, grades, weight), net.losses(logits, grades, weight))
    other = {"counts": [[1, 1, 1, 1, 1], [1, 1, 1], [9, 1]]}
    uneven = Blueprint.from_dict(BLUEPRINT.to_dict() | other).build()
    assert not torch.equal(uneven.losses(logits, grades, weight)[2], net.losses(logits, grades, weight)[2])


def test_a_given_backbone_is_used() -> None:
    backbone = BLUEPRINT.build().backbone
    assert BLUEPRINT.build(backbone).backbone is backbone
