"""Several processes that train as one."""

import pytorch_lightning as pl
import torch.distributed as dist
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.strategies import DDPStrategy, Strategy

from multiskin.config import TrainerConfig


def create_strategy(options: TrainerConfig) -> Strategy | str:
    """One process, or data parallelism over all of them.

    Torch would send the first process's batch-norm statistics round before every batch, in validation too, where the
    processes have different numbers of batches and would wait for one another for ever.
    """
    alone = options.devices * options.num_nodes == 1
    return "auto" if alone else DDPStrategy(broadcast_buffers=False)


class SharedStatistics(Callback):
    """All processes validate and save the same network: the mean of their batch-norm statistics."""

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.world_size == 1:
            return
        for buffer in pl_module.net.buffers():  # type: ignore[union-attr]
            if buffer.is_floating_point():
                dist.all_reduce(buffer)
                buffer /= trainer.world_size


def end_process_group() -> None:
    """The processes have trained together; what the first one does from here on waits for no other."""
    if dist.is_available() and dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()
