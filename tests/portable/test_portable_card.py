"""What a file says of its model comes back whole, and is believed in no other form."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from multiskin.conformal.prediction import ConformalSets, Threshold
from multiskin.errors import UserError
from multiskin.portable.card import Card


def test_it_comes_back_whole(card: Card) -> None:
    again = Card.from_metadata(card.to_metadata() | {"other.key": "{"}, "model.onnx")
    assert again == card
    assert again.schema.derived == card.schema.derived


def test_a_threshold_without_bounds_stays_one_and_is_json(card: Card) -> None:
    unbounded = ConformalSets(card.schema, 0.9, None, {name: {"all": Threshold(math.inf, 3, 4)} for name in card.rules})
    metadata = replace(card, conformal=unbounded).to_metadata()
    json.loads(metadata["multiskin.conformal"], parse_constant=pytest.fail)
    again = Card.from_metadata(metadata, "model.onnx").conformal
    assert again is not None
    assert all(limits["all"].score > 1 for limits in again.thresholds.values())


def set_in(*keys: str, value: object) -> Callable[[Any], Any]:
    """Changes a value inside of a JSON text's content."""

    def change(content: Any) -> Any:
        place = content
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        return content

    return change


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("schema", lambda _: {"attributes": []}),
        ("schema", lambda _: [[[]]]),
        ("decisions", lambda _: {}),
        ("decisions", set_in("shine", "prior", value=[1.0])),
        ("decisions", set_in("shine", "decision", value="mode")),
        ("decisions", set_in("shine", "decision", value=[])),
        ("preprocessing", set_in("input_size", value=10**9)),
        ("preprocessing", set_in("input_size", value=True)),
        ("preprocessing", set_in("std", value=[0.0, 1.0, 1.0])),
        ("preprocessing", set_in("mean", value="abc")),
        ("preprocessing", set_in("skin", value={"other": 1})),
        ("conformal", set_in("coverage", value=2.0)),
        ("conformal", set_in("heads", value={})),
        ("conformal", set_in("by", value="grade")),
        ("conformal", set_in("heads", "shine", "all", "score", value="high")),
        ("format", lambda _: 99),
    ],
)
def test_another_form_gets_one_message(card: Card, key: str, change: Callable[[Any], Any]) -> None:
    metadata = card.to_metadata()
    metadata[f"multiskin.{key}"] = json.dumps(change(json.loads(metadata[f"multiskin.{key}"])))
    with pytest.raises(UserError):
        Card.from_metadata(metadata, "model.onnx")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "NaN"])
def test_what_is_no_json_gets_one_message(card: Card, text: str) -> None:
    with pytest.raises(UserError, match=r"model\.onnx"):
        Card.from_metadata(card.to_metadata() | {"multiskin.schema": text}, "model.onnx")


def test_another_programs_file_is_named(card: Card) -> None:
    with pytest.raises(UserError, match=r"model\.onnx: not a model of multiskin"):
        Card.from_metadata({"format": "1"}, "model.onnx")
