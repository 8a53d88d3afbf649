"""A network of one matrix product as an ONNX file with all that multiskin writes beside it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from multiskin.conformal.prediction import ConformalSets, Threshold
from multiskin.data.preprocessing import Preprocessing
from multiskin.derived import Condition, Derived
from multiskin.portable.card import Card
from multiskin.portable.decisions import Rule
from multiskin.schema import Attribute, Schema

SIZE = 16  # pixels


@pytest.fixture(scope="session")
def graded() -> Schema:
    """An ordinal attribute, another one with fewer grades, a nominal one, and a label that follows."""
    derived = Derived("look", (Condition("bright", {"shine": (2, 3, 4)}),), "dull")
    return Schema((Attribute("shine", 5), Attribute("lines", 3), Attribute("kind", 4, "nominal")), (derived,))


@pytest.fixture(scope="session")
def card(graded: Schema) -> Card:
    rules = {each.name: rule_of(each, "median" if each.ordinal else "argmax") for each in graded}
    thresholds = {each.name: {"all": Threshold(0.6, 20, 40)} for each in graded}
    preprocessing = Preprocessing(SIZE, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    return Card(graded, preprocessing, rules, ConformalSets(graded, 0.8, None, thresholds))


def rule_of(attribute: Attribute, decision: str) -> Rule:
    k = attribute.grades
    return Rule(decision, (1 / k,) * k, tuple(map(tuple, np.eye(k).tolist())))


@pytest.fixture(scope="session")
def write_model() -> Callable[[Path, Schema, Mapping[str, str]], Path]:
    """Writes softmax(mean colour @ weights) of each attribute."""

    def write(path: Path, schema: Schema, metadata: Mapping[str, str]) -> Path:
        random = np.random.default_rng(0)
        nodes = [
            helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["floats", "axes"], ["colour"], keepdims=0),
        ]
        constants = [numpy_helper.from_array(np.array([1, 2]), "axes")]
        for each in schema:
            weights = random.normal(size=(3, each.grades)).astype(np.float32) / 16
            constants.append(numpy_helper.from_array(weights, f"{each.name}_weights"))
            nodes.append(helper.make_node("MatMul", ["colour", f"{each.name}_weights"], [f"{each.name}_logits"]))
            nodes.append(helper.make_node("Softmax", [f"{each.name}_logits"], [each.name], axis=1))
        image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["photos", SIZE, SIZE, 3])
        outputs = [
            helper.make_tensor_value_info(each.name, TensorProto.FLOAT, ["photos", each.grades]) for each in schema
        ]
        graph = helper.make_graph(nodes, "network", [image], outputs, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        helper.set_model_props(model, dict(metadata))
        onnx.save(model, path)
        return path

    return write


@pytest.fixture(scope="session")
def model(
    tmp_path_factory: pytest.TempPathFactory, write_model: Callable[..., Path], graded: Schema, card: Card
) -> Path:
    return write_model(tmp_path_factory.mktemp("portable") / "model.onnx", graded, card.to_metadata())
