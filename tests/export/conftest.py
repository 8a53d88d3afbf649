"""A small network with a head of every kind, and what it is exported as, once for all tests: it takes seconds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from multiskin.calibration import Calibrator, CutScaling
from multiskin.config import ModelConfig, Recipe
from multiskin.conformal.prediction import ConformalSets, Threshold
from multiskin.data.transforms import Preprocessing
from multiskin.export.agreement import Agreement
from multiskin.export.onnx import export_onnx
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.models.skinnet import SkinNet
from multiskin.schema import Attribute, Schema

torch.set_num_threads(1)  # networks this small only wait for their threads

SIZE = 64  # pixels
SCHEMA = Schema((Attribute("shine", 5), Attribute("lines", 3), Attribute("kind", 4, "nominal"), Attribute("spots", 4)))
RECIPES = (
    Recipe(hidden=8, decision="credit"),
    Recipe(loss="corn", decision="median"),
    Recipe(),
    Recipe(loss="cumulative_link", stride=16, hidden=4, decision="expectation"),
)


def build(backbone: str = "test_efficientnet", recipes: tuple[Recipe, ...] = RECIPES) -> SkinNet:
    torch.manual_seed(0)
    counts = tuple(tuple(range(1, each.grades + 1)) for each in SCHEMA)
    net = Blueprint(SCHEMA, ModelConfig(backbone, weights="none", input_size=SIZE), recipes, counts).build().eval()
    for _, head in net.named_heads():
        torch.nn.init.normal_(head.linear.weight)
    return net


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    net = build()
    return Predictor(
        net,
        Preprocessing(SIZE, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), ({"Resize": {"size": 72}}, "CenterCrop")),
        torch.device("cpu"),
        calibrators={
            "shine": Calibrator("vector", (0.5, 1, 2, 1, 1), (0.1, 0.2, 0.3, 0, 0), (0.1, 0.3, 0.2, 0.4, 0), 9),
            "spots": Calibrator(
                "cumulative",
                (0.5,) * 4,
                (0.1, 0.2, 0.3, 0),
                (0.25,) * 4,
                9,
                CutScaling((0.5, 2, 1), (-1, 0.5, 1)),  # which crosses
            ),
        },
        conformal=ConformalSets(
            net.schema, 0.8, None, {name: {"all": Threshold(0.5, 9, 9)} for name in net.schema.names}
        ),
    )


@pytest.fixture(scope="session")
def photos() -> list[np.ndarray]:
    """Of several sizes, from dark to light."""
    random = np.random.default_rng(0)
    noise = [random.integers(-60, 60, (50 + 20 * number, 70, 3)) + 50 * number for number in range(6)]
    return [pixels.clip(0, 255).astype(np.uint8) for pixels in noise]


@pytest.fixture(scope="session")
def exported(
    predictor: Predictor, photos: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Agreement]:
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    return path, export_onnx(predictor, path, photos)


@pytest.fixture(scope="session")
def net_of() -> Callable[[str], SkinNet]:
    """Of any backbone, with plain heads."""
    return lambda backbone: build(backbone, (Recipe(),) * len(SCHEMA))
