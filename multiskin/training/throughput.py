"""The training speed of a run compared with a bare PyTorch loop of the same network: the overhead per step.

Both loops train on the same batches in the same process and alternate, since a machine's speed changes over time.
Validation, checkpoints and loggers, which a run has once per epoch, are left out.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader

from multiskin.config import FitConfig
from multiskin.data.datamodule import SkinDataModule
from multiskin.data.dataset import Item
from multiskin.data.photos import Photos
from multiskin.models.backbone import create_backbone
from multiskin.schema import MISSING, Schema
from multiskin.training.averaging import EMA
from multiskin.training.checks import check
from multiskin.training.fit import build
from multiskin.training.memory import TYPES
from multiskin.training.module import SkinModule
from multiskin.training.optimizers import create_optimizer
from multiskin.training.trainer import accelerator, precision, quiet_lightning, step_options

WARM_UP = 3  # untimed steps at the start of each round


class StepClock(Callback):
    """Times a trainer's last epoch after its warm-up steps.

    Attributes:
        seconds: from the end of the warm-up to the end of the epoch.
        steps: number of steps in that time.
    """

    def __init__(self) -> None:
        self.start = self.seconds = 0.0
        self.steps = 0

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == WARM_UP:
            finish_kernels()
            self.start, self.steps = time.perf_counter(), 0
        self.steps += 1

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx + 1 == trainer.num_training_batches:
            finish_kernels()
            self.seconds = time.perf_counter() - self.start


class Preloaded(pl.LightningDataModule):
    """Repeats a few batches that are already on the device, in place of a run's photos."""

    def __init__(self, data: SkinDataModule, batches: Sequence[Item], steps: int) -> None:
        super().__init__()
        self.training_photos = data.training_photos
        self.batches = [*islice(cycle(batches), steps)]

    def train_dataloader(self) -> DataLoader[Item]:
        return DataLoader(self.batches, batch_size=None)  # type: ignore[arg-type]

    def val_dataloader(self) -> list[Item]:
        return []

    def sampling_statistics(self, epoch: int) -> dict[str, float]:
        return {}


def finish_kernels() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


class Loops:
    """The training loops to compare for one config and its photos; each method returns its seconds per photo.

    Args:
        config: settings of the run.
        module: the module to train.
        data: the photos of the run.
        steps: number of timed steps per round.
    """

    def __init__(self, config: FitConfig, module: SkinModule, data: SkinDataModule, steps: int) -> None:
        self.config = config
        self.module = module
        self.data = data
        self.steps = steps
        self.device = torch.device(accelerator(config.trainer))
        self.batches = [_moved(batch, self.device) for batch in islice(data.train_dataloader(), WARM_UP)]
        self.preloaded = Preloaded(data, self.batches, WARM_UP + steps)
        self.bare_step = bare_step(config, module.net.schema, self.device)

    def bare(self) -> float:
        """The bare loop over preloaded batches."""
        for batch in islice(cycle(self.batches), WARM_UP):
            self.bare_step(batch)
        finish_kernels()
        start, photos = time.perf_counter(), 0
        for batch in islice(cycle(self.batches), self.steps):
            self.bare_step(batch)
            photos += len(batch["row"])
        finish_kernels()
        return (time.perf_counter() - start) / photos

    def fit(self) -> float:
        """The loop of a run over the same preloaded batches."""
        return self._fitted(self.preloaded, epochs=1)

    def loading(self) -> float:
        """The loop of a run over its photos, loading included, in its second epoch."""
        return self._fitted(self.data, epochs=2)

    def _fitted(self, data: pl.LightningDataModule, epochs: int) -> float:
        clock, decay = StepClock(), self.config.trainer.ema_decay
        with quiet_lightning():
            trainer = pl.Trainer(
                **step_options(self.config.trainer),
                max_epochs=epochs,
                limit_val_batches=0,
                callbacks=[*([EMA(decay)] if decay is not None else []), clock],
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                use_distributed_sampler=False,
            )
            trainer.fit(self.module, datamodule=data)
        return clock.seconds / (clock.steps * self.config.data.batch_size)


def bare_step(config: FitConfig, schema: Schema, device: torch.device) -> Callable[[Item], Tensor]:
    """A training step in plain PyTorch: a timm network, a linear layer, cross entropy and a torch optimizer.

    Returns:
        A function that takes a step on a batch and returns the loss.
    """
    backbone = create_backbone(config.model)
    sizes = [attribute.grades for attribute in schema]
    net = nn.ModuleList([backbone, nn.Linear(backbone.num_features, sum(sizes))])
    net.to(device).to(memory_format=torch.channels_last).train()
    if config.trainer.compile is not None:
        backbone.compile(mode=config.trainer.compile)
    optimizer = create_optimizer(config.optimizer, [{"params": list(net.parameters())}], fused=False)
    kind = TYPES[precision(config.trainer)]
    scaler = torch.amp.GradScaler(device.type, enabled=kind is torch.float16)

    def step(batch: Item) -> Tensor:
        images = batch["image"].contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, kind, enabled=kind is not torch.float32):
            logits = net[1](net[0](images)[1]).split(sizes, dim=1)
        loss = _cross_entropy(logits, batch["grades"])
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    return step


def _cross_entropy(logits: Iterable[Tensor], grades: Tensor) -> Tensor:
    return torch.stack(
        [
            nn.functional.cross_entropy(row.float(), grade, ignore_index=MISSING, reduction="sum")
            for row, grade in zip(logits, grades.T, strict=True)
        ]
    ).mean() / len(grades)


def create_loops(config: FitConfig, photos: Photos, steps: int) -> Loops:
    """The loops for a config and its photos; an epoch draws as many photos as a round needs.

    Raises:
        UserError: invalid settings, as in `fit`.
    """
    check(config, photos.manifest.schema)
    draws = (WARM_UP + steps) * config.data.batch_size
    config = replace(config, data=replace(config.data, draws_per_epoch=draws))
    return Loops(config, *build(config, photos), steps)


def _moved(batch: Item, device: torch.device) -> Item:
    return {key: value.to(device) for key, value in batch.items()}
