"""Photos of noise, one of them damaged, and a network whose predictions for them differ."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from multiskin.config import ModelConfig, OptimizerConfig, Recipe
from multiskin.data.transforms import Preprocessing
from multiskin.models.blueprint import Blueprint
from multiskin.schema import Schema
from multiskin.training.module import SkinModule

SIZE = 64  # pixels


@pytest.fixture(scope="session")
def noise_checkpoint(schema: Schema, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    recipes = tuple(Recipe(decision="median") for _ in schema)
    model = ModelConfig("test_efficientnet", weights="none", input_size=SIZE)
    blueprint = Blueprint(schema, model, recipes, tuple((1,) * attribute.grades for attribute in schema))
    net = blueprint.build()
    with torch.no_grad():
        for _, head in net.named_heads():
            torch.nn.init.normal_(head.linear.weight)
    module = SkinModule(net, blueprint, Preprocessing(SIZE, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)), OptimizerConfig())
    content = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(content)
    path = tmp_path_factory.mktemp("noise") / "best.ckpt"
    torch.save(content, path)
    return path


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(30):
        pixels = np.random.default_rng(number).integers(0, 256, (50, 70, 3), dtype=np.uint8) // (1 + number % 3)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    (folder / "17.png").write_bytes((folder / "17.png").read_bytes()[:900])
    return folder
