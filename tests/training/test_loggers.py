"""What leaves the machine with a logger: numbers and settings, and no path, which may name people or places."""

from dataclasses import replace

from multiskin.config import DataConfig, FitConfig, ModelConfig
from multiskin.training.loggers import _settings

SECRET = "/home/kim/patients"


def test_settings_are_told_without_any_path():
    config = FitConfig(
        schema=SECRET,
        out=SECRET,
        ckpt_path=SECRET,
        data=DataConfig(root=SECRET, manifest=f"{SECRET}/labels.csv", faces=SECRET),
        model=ModelConfig(weights=f"{SECRET}/model.safetensors"),
    )
    assert "kim" not in str(_settings(config))
    assert _settings(config)["model"]["weights"] == "file"
    assert _settings(replace(config, model=ModelConfig(weights="none")))["model"]["weights"] == "none"
