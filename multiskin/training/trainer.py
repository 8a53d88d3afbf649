"""Lightning's Trainer for the settings of a run."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from multiskin.config import FitConfig, TrainerConfig
from multiskin.errors import UserError
from multiskin.run import RunFolder
from multiskin.training.averaging import EMA
from multiskin.training.callbacks import EpochLine, Patience, ProgressBar
from multiskin.training.checkpoints import AtomicCheckpointIO, checkpoint_callbacks
from multiskin.training.loggers import create_loggers
from multiskin.training.processes import SharedStatistics, create_strategy

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
THIRD_PARTY_WARNINGS = (
    ".*LeafSpec.* is deprecated",  # Lightning with a newer torch
    "This DataLoader will create",  # the number of workers is the user's choice
    ".*does not have many workers",  # the number of workers is the user's choice
    ".*`broadcast_buffers` is deprecated",  # its replacement is missing from the oldest supported torch
    ".*when logging on epoch level in distributed setting",  # all processes log the same values
    "Checkpoint directory .* exists and is not empty",  # as it is for a resumed run
    ".*your dataloader is not resumable",  # its sampler is: see SkinDataModule
    ".*number of training batches .* is smaller than the logging interval",  # everything is logged by epoch
)


def create_trainer(config: FitConfig, mode: str, run: RunFolder, finished: int) -> pl.Trainer:
    """Lightning's Trainer for a run of which `finished` epochs are done."""
    options = config.trainer
    return pl.Trainer(
        max_epochs=options.max_epochs,
        **step_options(options),
        logger=create_loggers(config, run, finished),
        callbacks=_callbacks(options, mode, run),
        plugins=[AtomicCheckpointIO()],
        default_root_dir=run.root,
        enable_progress_bar=_shows_progress(options),
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # MixtureSampler distributes the draws itself
    )


def step_options(options: TrainerConfig) -> dict[str, Any]:
    """The options of a Trainer that decide where and how a step runs."""
    return {
        "accelerator": accelerator(options),
        "devices": options.devices,
        "num_nodes": options.num_nodes,
        "strategy": create_strategy(options),
        "precision": precision(options),
        "accumulate_grad_batches": options.accumulate_grad_batches,
        "gradient_clip_val": options.gradient_clip_val,
        "deterministic": options.deterministic,
    }


def accelerator(options: TrainerConfig) -> str:
    """The device type to train on; Lightning's auto would choose a Mac's GPU, which lacks the metrics' float64.

    Raises:
        UserError: cuda is asked for, but not available.
    """
    available = torch.cuda.is_available()
    if options.accelerator == "cuda" and not available:
        raise UserError("trainer.accelerator: cuda, but torch sees no CUDA device; use cpu or auto")
    return "cuda" if available and options.accelerator != "cpu" else "cpu"


def precision(options: TrainerConfig) -> Precision:
    """The precision asked for; auto means bf16 where the GPU supports it, which needs no loss scaling.

    Raises:
        UserError: cuda is asked for, but not available; or 16-mixed, for which Lightning would take bf16 on a CPU.
    """
    if options.precision == "16-mixed" and accelerator(options) == "cpu":
        raise UserError("trainer.precision: 16-mixed needs a GPU; use bf16-mixed or 32-true on a CPU")
    if options.precision != "auto":
        return options.precision
    return "bf16-mixed" if accelerator(options) == "cuda" and torch.cuda.is_bf16_supported() else "32-true"


def _callbacks(options: TrainerConfig, mode: str, run: RunFolder) -> list[Callback]:
    callbacks: list[Callback] = [*checkpoint_callbacks(options, mode, run), EpochLine(options.monitor)]
    if options.ema_decay is not None:
        callbacks.append(EMA(options.ema_decay))
    callbacks.append(SharedStatistics())  # after EMA, which swaps in the averaged weights
    if options.patience is not None:
        callbacks.append(Patience(options.monitor, patience=options.patience, mode=mode))
    if _shows_progress(options):
        callbacks.append(ProgressBar())
    return callbacks


def _shows_progress(options: TrainerConfig) -> bool:
    """Whether to show a progress bar, which needs a terminal."""
    return options.progress and sys.stdout.isatty()


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Hides warnings and notes of libraries that the user can do nothing about."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in THIRD_PARTY_WARNINGS:
            warnings.filterwarnings("ignore", message)
        yield
