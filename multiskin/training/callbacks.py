"""Progress output of a training run, and early stopping."""

import math
import sys
import time
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, EarlyStopping, TQDMProgressBar

UPDATE_INTERVAL = 0.2  # seconds between updates of the numbers beside the progress bar


class TimeLeft:
    """Estimates the remaining time of a run from the share of its steps that are done."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.first_step = 0

    def begin(self, step: int) -> None:
        """Starts the clock; a resumed run starts at a later step."""
        self.start, self.first_step = time.monotonic(), step

    def __call__(self, step: int, steps: float) -> str:
        done = step - self.first_step
        if done <= 0:
            return "?"
        seconds = (time.monotonic() - self.start) / done * max(steps - step, 0)
        return str(timedelta(seconds=round(seconds)))


class ProgressBar(TQDMProgressBar):
    """Lightning's progress bar for the epoch, with the remaining time of the whole run beside it.

    The numbers beside the bar are updated only every UPDATE_INTERVAL, since reading the loss waits for the GPU.
    """

    def __init__(self) -> None:
        super().__init__()
        self.time_left = TimeLeft()
        self.items: dict[str, int | str | float | dict[str, float]] = {}
        self.updated = -math.inf

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        self.time_left.begin(trainer.global_step)

    def get_metrics(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        if time.monotonic() > self.updated + UPDATE_INTERVAL:
            self.items = super().get_metrics(trainer, pl_module)
            self.items.pop("v_num", None)
            self.items["left"] = self.time_left(trainer.global_step, trainer.estimated_stepping_batches)
            self.updated = time.monotonic()
        return self.items


class Patience(EarlyStopping):
    """Early stopping that also holds for a resumed run: one that was stopped early is not trained further."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


class EpochLine(Callback):
    """Prints one line per epoch: the loss, the monitored number and the remaining time."""

    def __init__(self, monitor: str) -> None:
        self.monitor = monitor
        self.time_left = TimeLeft()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.time_left.begin(trainer.global_step)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        values = trainer.callback_metrics | pl_module.training_losses()
        left = self.time_left(trainer.global_step, trainer.estimated_stepping_batches)
        numbers = "  ".join(f"{key} {values[key]:.4f}" for key in ("train/loss", self.monitor) if key in values)
        pl_module.print(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  {numbers}  left {left}")
        sys.stdout.flush()  # so that a log file shows it at once
