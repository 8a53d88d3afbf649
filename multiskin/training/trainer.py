"""Lightning's trainer, told what a run's settings say."""

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
    "This DataLoader will create",  # how many is the user's setting
    ".*does not have many workers",  # how many is the user's setting
    ".*`broadcast_buffers` is deprecated",  # in torch; its successor is younger than the torch we ask for
    ".*when logging on epoch level in distributed setting",  # what is logged so is the same on all of them
    "Checkpoint directory .* exists and is not empty",  # of a run that is gone on with
    ".*your dataloader is not resumable",  # its sampler is: see SkinDataModule
    ".*number of training batches .* is smaller than the logging interval",  # everything is logged by epoch
)


def create_trainer(config: FitConfig, mode: str, run: RunFolder, finished: int) -> pl.Trainer:
    """Lightning's trainer for a run of which so many epochs are finished."""
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
        use_distributed_sampler=False,  # ours knows the ranks, and draws what the heads ask for
    )


def step_options(options: TrainerConfig) -> dict[str, Any]:
    """What a trainer is told of its steps: on what they are taken, and how."""
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
    """Not Lightning's own auto, which takes a Mac's GPU, where the metrics' float64 does not exist.

    Raises:
        UserError: cuda asked for where there is none.
    """
    there = torch.cuda.is_available()
    if options.accelerator == "cuda" and not there:
        raise UserError("trainer.accelerator: cuda, but torch sees no CUDA device; use cpu or auto")
    return "cuda" if there and options.accelerator != "cpu" else "cpu"


def precision(options: TrainerConfig) -> Precision:
    """Half precision where the GPU has a type for it that needs no scaling."""
    if options.precision != "auto":
        return options.precision
    return "bf16-mixed" if accelerator(options) == "cuda" and torch.cuda.is_bf16_supported() else "32-true"


def _callbacks(options: TrainerConfig, mode: str, run: RunFolder) -> list[Callback]:
    callbacks: list[Callback] = [*checkpoint_callbacks(options, mode, run), EpochLine(options.monitor)]
    if options.ema_decay is not None:
        callbacks.append(EMA(options.ema_decay))
    callbacks.append(SharedStatistics())  # after the averaged weights have taken their place
    if options.patience is not None:
        callbacks.append(Patience(options.monitor, patience=options.patience, mode=mode))
    if _shows_progress(options):
        callbacks.append(ProgressBar())
    return callbacks


def _shows_progress(options: TrainerConfig) -> bool:
    """A bar is drawn over and over, which only a terminal can."""
    return options.progress and sys.stdout.isatty()


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Without the warnings and notes that a user of this program can do nothing about."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in THIRD_PARTY_WARNINGS:
            warnings.filterwarnings("ignore", message)
        yield
