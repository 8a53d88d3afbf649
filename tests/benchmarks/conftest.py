"""Makes the scripts in benchmarks/ importable, and provides runs for them to evaluate."""

import sys
from pathlib import Path

import pytest
import torch

from multiskin.config import ModelConfig, Recipe
from multiskin.data.transforms import Preprocessing
from multiskin.models.blueprint import Blueprint
from multiskin.run import RunFolder

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

TINY = {"backbone": "test_efficientnet", "weights": "none", "input_size": 48}


@pytest.fixture(scope="module")
def runs(tmp_path_factory, write_settings, schema, photos):
    """Runs of two seeds with untrained networks."""
    made = []
    for seed in range(2):
        run = RunFolder(tmp_path_factory.mktemp("runs") / f"small-{seed}")
        run.checkpoints.mkdir(parents=True)
        write_settings(run.root, seed=seed, model=TINY)
        photos.save(run.split, run.skipped)
        torch.manual_seed(seed)
        counts = tuple((1,) * each.grades for each in schema)
        blueprint = Blueprint(schema, ModelConfig(**TINY), (Recipe(),) * len(schema), counts)
        net = blueprint.build()
        for _, head in net.named_heads():
            torch.nn.init.normal_(head.linear.weight, std=300)  # since untrained features hardly differ
        content = {
            "blueprint": blueprint.to_dict(),
            "preprocessing": Preprocessing(48, (0.5,) * 3, (0.2,) * 3).to_dict(),
            "state_dict": {f"net.{key}": value for key, value in net.state_dict().items()},
        }
        torch.save(content, run.best)
        made.append(run.root)
    return made
