"""Distributed data-parallel training."""

import pytorch_lightning as pl
import torch.distributed as dist
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.strategies import DDPStrategy, Strategy

from multiskin.config import TrainerConfig


def create_strategy(options: TrainerConfig) -> Strategy | str:
    """Lightning's default for a single process, else DDP without broadcasting buffers.

    DDP would broadcast the first process's batch-norm statistics before every batch. In validation, where processes may
    have different numbers of batches, they would wait for each other forever.
    """
    alone = options.devices * options.num_nodes == 1
    return "auto" if alone else DDPStrategy(broadcast_buffers=False)


class SharedStatistics(Callback):
    """Averages batch-norm statistics over all processes, so that they validate and save the same network."""

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.world_size == 1:
            return
        for buffer in pl_module.net.buffers():  # type: ignore[union-attr]
            if buffer.is_floating_point():
                dist.all_reduce(buffer)
                buffer /= trainer.world_size


def end_process_group() -> None:
    """Ends distributed training, so that what the first process does from here on waits for no other."""
    if dist.is_available() and dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()
