"""What is shown while a run goes on."""

import math
import sys
import time
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, EarlyStopping, TQDMProgressBar

UPDATE_INTERVAL = 0.2  # seconds, between numbers beside a bar


class TimeLeft:
    """Estimates the time left of a run from the share of its steps that are done."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.first_step = 0

    def begin(self, step: int) -> None:
        """Starts the clock; a resumed run begins at a later step."""
        self.start, self.first_step = time.monotonic(), step

    def __call__(self, step: int, steps: float) -> str:
        done = step - self.first_step
        if done <= 0:
            return "?"
        seconds = (time.monotonic() - self.start) / done * max(steps - step, 0)
        return str(timedelta(seconds=round(seconds)))


class ProgressBar(TQDMProgressBar):
    """Lightning's bar for the epoch, with the time left of the whole run beside it.

    What stands beside it is brought up to date now and then only, for the loss has to be waited for.
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
    """Lightning's, for a run that may be started again: one that it has stopped early has nothing to go on with."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


class EpochLine(Callback):
    """One line an epoch: the loss, what is monitored, and the time left; for people and for log files."""

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
        sys.stdout.flush()  # a log file shows it at once
