"""A small network in a checkpoint as the training module saves it: untrained, but with confident predictions."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from multiskin.config import ModelConfig, OptimizerConfig, Recipe
from multiskin.data.transforms import Preprocessing
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.models.skinnet import SkinNet
from multiskin.schema import Schema
from multiskin.training.module import SkinModule

SIZE = 64  # pixels

torch.set_num_threads(1)  # networks this small only wait for their threads


@torch.no_grad()
def tell_apart(net: SkinNet) -> None:
    """Scales every head so that its logits differ between images of noise by about 2."""
    noise = torch.randn(16, 3, SIZE, SIZE) + torch.linspace(-3, 3, 16)[:, None, None, None]
    features = net.eval().backbone(noise)[1]
    for _, head in net.named_heads():
        torch.nn.init.normal_(head.linear.weight)
        head.linear.weight.mul_(2 / head(features).std(dim=0)[:, None])
        head.linear.bias.sub_(head(features).mean(dim=0))


def checkpoint_of(schema: Schema) -> dict:
    """A checkpoint as Lightning writes it, with some of its other content."""
    torch.manual_seed(0)
    recipes = tuple(Recipe(decision="median") for _ in schema)
    model = ModelConfig("test_efficientnet", weights="none", input_size=SIZE)
    blueprint = Blueprint(schema, model, recipes, tuple((1,) * attribute.grades for attribute in schema))
    net = blueprint.build()
    tell_apart(net)
    preprocessing = Preprocessing(SIZE, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    module = SkinModule(net, blueprint, preprocessing, OptimizerConfig())
    state = module.state_dict() | {"another_part.scale": torch.ones(2)}
    content = {"state_dict": state, "epoch": 3, "optimizer_states": []}
    module.on_save_checkpoint(content)
    return content


@pytest.fixture(scope="session")
def checkpoint(schema: Schema, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "best.ckpt"
    torch.save(checkpoint_of(schema), path)
    return path


@pytest.fixture(scope="session")
def predictor(checkpoint: Path) -> Predictor:
    return Predictor.from_checkpoint(checkpoint, "cpu")


@pytest.fixture
def predictor_of(tmp_path: Path) -> Callable[[Schema], Predictor]:
    def load(schema: Schema) -> Predictor:
        torch.save(checkpoint_of(schema), tmp_path / "model.ckpt")
        return Predictor.from_checkpoint(tmp_path / "model.ckpt", "cpu")

    return load


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (50, 70, 3), dtype=np.uint8)
