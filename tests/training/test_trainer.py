"""The Trainer of a run: its device, precision and callbacks, and the warnings that it hides."""

import logging
import sys
import warnings

import pytest
from pytorch_lightning.callbacks import EarlyStopping

from multiskin.config import FitConfig, TrainerConfig
from multiskin.errors import UserError
from multiskin.run import RunFolder
from multiskin.training.averaging import EMA
from multiskin.training.callbacks import ProgressBar
from multiskin.training.checkpoints import AtomicCheckpointIO
from multiskin.training.processes import SharedStatistics
from multiskin.training.trainer import accelerator, create_trainer, precision, quiet_lightning


@pytest.fixture
def machine(monkeypatch):
    """Makes torch see a GPU, or none."""

    def has(cuda, bf16=True):
        monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
        monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: bf16)

    return has


@pytest.fixture
def create(tmp_path):
    """The Trainer for some options, on the CPU."""

    def created(**options):
        config = FitConfig(out=str(tmp_path), trainer=TrainerConfig(accelerator="cpu", **options))
        with quiet_lightning():
            return create_trainer(config, "min", RunFolder(tmp_path), finished=0)

    return created


def of_type(trainer, kind):
    return [callback for callback in trainer.callbacks if isinstance(callback, kind)]


@pytest.mark.parametrize(
    ("asked", "cuda", "expected"),
    [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_a_gpu_is_used_if_there_is_one_and_the_cpu_is_not_asked_for(asked, cuda, expected, machine):
    machine(cuda)
    assert accelerator(TrainerConfig(accelerator=asked)) == expected


def test_a_missing_gpu_is_an_error(machine):
    machine(cuda=False)
    with pytest.raises(UserError, match=r"trainer\.accelerator: cuda, but torch sees no CUDA device; use cpu or auto"):
        accelerator(TrainerConfig(accelerator="cuda"))


@pytest.mark.parametrize(
    ("options", "cuda", "bf16", "expected"),
    [
        ({}, True, True, "bf16-mixed"),
        ({}, True, False, "32-true"),
        ({}, False, True, "32-true"),
        ({"accelerator": "cpu"}, True, True, "32-true"),
        ({"precision": "16-mixed"}, True, True, "16-mixed"),
        ({"precision": "bf16-mixed"}, False, False, "bf16-mixed"),
    ],
)
def test_precision_is_bf16_on_a_gpu_that_has_it_unless_another_is_asked_for(options, cuda, bf16, expected, machine):
    machine(cuda, bf16)
    assert precision(TrainerConfig(**options)) == expected


@pytest.mark.parametrize("options", [{}, {"accelerator": "cpu"}])
def test_half_precision_without_a_gpu_is_an_error_as_lightning_would_take_another(options, machine):
    machine(cuda=bool(options))
    with pytest.raises(UserError, match=r"16-mixed needs a GPU; use bf16-mixed or 32-true on a CPU"):
        precision(TrainerConfig(precision="16-mixed", **options))


def test_settings_reach_the_trainer(create):
    trainer = create(max_epochs=7, accumulate_grad_batches=3, gradient_clip_val=0.5, precision="bf16-mixed")
    assert trainer.max_epochs == 7
    assert trainer.accumulate_grad_batches == 3
    assert trainer.gradient_clip_val == 0.5
    assert trainer.precision == "bf16-mixed"
    assert isinstance(trainer.strategy.checkpoint_io, AtomicCheckpointIO)


def test_statistics_are_shared_once_the_averaged_weights_are_in_place(create):
    kinds = [type(callback) for callback in create(ema_decay=0.9).callbacks]
    assert kinds.index(EMA) < kinds.index(SharedStatistics)


def test_averaging_and_early_stopping_can_be_turned_off(create):
    plain, full = create(ema_decay=None, patience=None), create(ema_decay=0.9, patience=4)
    assert not of_type(plain, EMA)
    assert not of_type(plain, EarlyStopping)
    (stopping,) = of_type(full, EarlyStopping)
    assert (stopping.patience, stopping.mode, stopping.monitor) == (4, "min", TrainerConfig().monitor)
    assert [ema.decay for ema in of_type(full, EMA)] == [0.9]


@pytest.mark.parametrize(("terminal", "progress", "bars"), [(True, True, 1), (True, False, 0), (False, True, 0)])
def test_a_progress_bar_needs_a_terminal(terminal, progress, bars, create, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert len(of_type(create(progress=progress), ProgressBar)) == bars


def test_warnings_about_the_settings_are_hidden_and_others_are_not():
    with quiet_lightning():
        warnings.warn("The 'val_dataloader' does not have many workers which may be a bottleneck", stacklevel=1)
        with pytest.warns(UserWarning, match="something else"):
            warnings.warn("something else", stacklevel=1)
    with pytest.warns(UserWarning, match="many workers"):
        warnings.warn("The 'val_dataloader' does not have many workers which may be a bottleneck", stacklevel=1)


@pytest.mark.parametrize("name", ["pytorch_lightning", "lightning_fabric"])
def test_lightning_logs_warnings_only(name):
    logger = logging.getLogger(name)
    with quiet_lightning():
        assert logger.isEnabledFor(logging.WARNING)
        assert not logger.isEnabledFor(logging.INFO)
