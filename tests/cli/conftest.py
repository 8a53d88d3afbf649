"""An untrained run for commands that need one, and the message of a command that fails."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
import torch
import yaml

from multiskin.cli import main
from multiskin.config import FitConfig, ModelConfig, Recipe
from multiskin.data.transforms import Preprocessing
from multiskin.models.blueprint import Blueprint
from multiskin.run import RunFolder


@pytest.fixture
def failure(capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """Runs a command that fails with a user error, and returns its message."""

    def fail(*arguments: object) -> str:
        assert main([str(argument) for argument in arguments]) == 2
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert message.startswith("multiskin: error: ")
        return message

    return fail


@pytest.fixture(scope="session")
def untrained_run(tmp_path_factory, data_config, schema, photos) -> Callable[..., RunFolder]:
    """Makes a run with an untrained network; its confidence increases with the standard deviation of its weights."""

    def make(std: float, **more: Any) -> RunFolder:
        folder = RunFolder(tmp_path_factory.mktemp("runs") / "first")
        folder.checkpoints.mkdir(parents=True)
        folder.config.write_text(yaml.safe_dump(asdict(FitConfig(schema=folder.schema.name, data=data_config))))
        schema.save(folder.schema)
        photos.save(folder.split, folder.skipped)
        torch.manual_seed(0)
        model = ModelConfig("test_efficientnet", weights="none", input_size=48)
        blueprint = Blueprint(schema, model, (Recipe(),) * len(schema), tuple((1,) * each.grades for each in schema))
        net = blueprint.build()
        for _, head in net.named_heads():
            torch.nn.init.normal_(head.linear.weight, std=std)
        content = {
            "blueprint": blueprint.to_dict(),
            "preprocessing": Preprocessing(48, (0.5,) * 3, (0.2,) * 3).to_dict(),
            "state_dict": {f"net.{key}": value for key, value in net.state_dict().items()},
        }
        torch.save(content | more, folder.best)
        return folder

    return make
