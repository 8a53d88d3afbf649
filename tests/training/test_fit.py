"""How settings affect a run; the files of a whole run are tested through the command line."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from multiskin.config import DataConfig, FitConfig, LogConfig, ModelConfig, OptimizerConfig, TrainerConfig
from multiskin.errors import UserError
from multiskin.inference.predictor import Predictor
from multiskin.training.fit import build, fit

NAMES = ("best", "last")


@pytest.fixture
def config(tmp_path):
    return FitConfig(
        out=str(tmp_path / "run"),
        data=DataConfig(batch_size=8, num_workers=0),
        model=ModelConfig("test_efficientnet", "none", 64),
        trainer=TrainerConfig(max_epochs=1, progress=False, accelerator="cpu"),
    )


def test_a_network_is_compiled_if_so_asked_and_keeps_its_names(config, photos):
    plain, compiled = (
        build(replace(config, trainer=replace(config.trainer, compile=mode)), photos)[0].net
        for mode in (None, "default")
    )
    assert plain._compiled_call_impl is None
    assert compiled._compiled_call_impl is not None
    assert plain.state_dict().keys() == compiled.state_dict().keys()


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_gradients_are_clipped_before_a_step_in_one_kernel(precision, config, photos, data_config, tmp_path):
    lengths = []
    clip = torch.nn.utils.clip_grad_norm_

    def measured(weights, most):
        lengths.append((clip(weights, most), most))
        lengths[-1] += (torch.nn.utils.get_total_norm([weight.grad for weight in weights if weight.grad is not None]),)

    trainer = replace(config.trainer, precision=precision, gradient_clip_val=0.01)
    data = replace(config.data, root=data_config.root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.nn.utils.clip_grad_norm_", measured)
        fit(replace(config, data=data, trainer=trainer, optimizer=OptimizerConfig(fused=True)), photos)
    assert lengths
    assert all(before > most >= 0.999 * after for before, most, after in lengths)


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_kept_pictures_change_no_weight(kind, config, photos, data_config, tmp_path, monkeypatch):
    monkeypatch.setenv("MULTISKIN_CACHE", str(tmp_path / "cache"))
    recipe = replace(config.recipe, augment=["Resize", "HorizontalFlip"])
    long = replace(config, recipe=recipe, trainer=replace(config.trainer, max_epochs=2))
    weights = []
    for place in (None, kind):
        data = replace(config.data, root=data_config.root, cache=place)
        run = fit(replace(long, data=data, out=str(tmp_path / f"run-{place}")), photos)
        weights.append(torch.load(run.last, weights_only=True)["state_dict"])
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


class TestWeights:
    def test_what_is_validated_and_saved_is_the_average(self, config, photos):
        run = fit(config, photos)
        content = torch.load(run.best, weights_only=True)
        averaged, current = content["state_dict"], content["current_model_state"]
        assert averaged.keys() == current.keys()
        assert any(not torch.equal(averaged[key], current[key]) for key in averaged)

    def test_without_averaging_there_is_one_set_of_weights(self, config, photos):
        run = fit(replace(config, trainer=replace(config.trainer, ema_decay=None)), photos)
        assert "current_model_state" not in torch.load(run.best, weights_only=True)

    def test_training_moves_the_network_and_lowers_the_loss(self, config, photos):
        long = replace(config, trainer=replace(config.trainer, max_epochs=12))
        run = fit(replace(long, recipe=replace(long.recipe, augment=[], dropout=0.0)), photos)
        losses = pd.read_csv(run.curves)["train/loss"].dropna()
        assert losses.iloc[-1] < 0.9 * losses.iloc[0]

    def test_the_last_checkpoint_is_that_of_the_last_epoch(self, config, photos):
        still = replace(config, optimizer=OptimizerConfig(lr=1e-12))  # nothing improves, so an earlier one is best
        run = fit(replace(still, trainer=replace(config.trainer, max_epochs=4, monitor="val/lines/accuracy")), photos)
        epochs = {name: torch.load(run.checkpoints / f"{name}.ckpt", weights_only=True)["epoch"] for name in NAMES}
        assert epochs["best"] < epochs["last"] == 3


def test_the_checkpoint_keeps_in_which_parts_each_attribute_was_graded_in_training(config, photos):
    number = np.arange(len(photos.manifest))
    known = replace(photos, manifest=replace(photos.manifest, part=np.array(["side", "chin"])[number % 2]))
    parts = Predictor.from_checkpoint(fit(config, known).best, "cpu").parts
    assert parts == known.side("train").graded_parts() == {"shine": ("side",), "lines": ("chin", "side")}


class TestLoggers:
    def test_tensorboard(self, config, photos):
        run = fit(replace(config, log=LogConfig(["tensorboard"])), photos)
        assert list((run.root / "tensorboard").glob("events*"))

    def test_a_logger_that_is_not_installed_is_a_users_mistake(self, config, photos, monkeypatch):
        monkeypatch.setattr("multiskin.training.loggers.find_spec", lambda name: None)
        with pytest.raises(UserError, match=r"pip install 'multiskin\[mlflow\]'"):
            fit(replace(config, log=LogConfig(["mlflow"])), photos)

    @pytest.mark.slow
    def test_wandb_works_offline_without_a_key_and_keeps_code_and_pictures_to_itself(
        self, graded_folder, schema, tmp_path
    ):
        schema.save(tmp_path / "schema.yaml")
        script = tmp_path / "secret_script.py"
        script.write_text(BLOCKED_NETWORK + "from multiskin.cli import main\nsys.exit(main(sys.argv[1:]))\n")
        arguments = ["fit", "--schema", "schema.yaml", "--data.root", str(graded_folder), "--out", "run"]
        arguments += ["--data.columns.subject", "subject", "--model.backbone", "test_efficientnet"]
        arguments += ["--model.weights", "none", "--model.input_size", "64", "--trainer.max_epochs", "1"]
        arguments += ["--trainer.progress", "false", "--log.logger", "[wandb]", "--test", "false"]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
        environment |= {"HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, str(script), *arguments],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        kept = list((tmp_path / "run").rglob("offline-run-*/**/*"))
        assert any(path.suffix == ".wandb" for path in kept)
        assert not any(path.suffix in (".py", ".png", ".patch") for path in kept)
        content = b"".join(path.read_bytes() for path in kept if path.suffix == ".wandb")
        assert b"secret_script" not in content
        assert b"images/" not in content


BLOCKED_NETWORK = """
import socket, sys

def connect(self, address, _connect=socket.socket.connect):
    if self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "localhost", "::1"):
        return _connect(self, address)
    raise AssertionError(f"reached for {address}")

socket.socket.connect = connect
"""
