"""An exponential moving average of the weights that is usable from the first epoch on."""

from itertools import chain

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def average(averaged: list[Tensor], current: list[Tensor], share: Tensor) -> None:
    """Updates averages in place to share * averaged + (1 - share) * current.

    Floats are updated in one fused call: on a GPU one kernel instead of several per tensor.

    Args:
        averaged: tensors of one dtype, on any device.
        current: tensors of the same dtype and device.
        share: () float32 on the CPU, the weight of the old average.
    """
    if averaged[0].is_floating_point():
        torch._foreach_lerp_(averaged, current, float(1 - share))
        return
    for mean, value in zip(averaged, current, strict=True):  # counts, such as those of batch norm
        mean.copy_(float(share) * mean + float(1 - share) * value)


class RampedAverage(AveragedModel):
    """An exponential moving average whose decay rises to its final value: min(decay, (1 + n) / (10 + n)) at step n.

    With the final decay from the start, the untrained weights of the first step would keep a weight of decay ** n in
    the average: half of it after 70 steps at 0.99, which may be the whole training on a small data set.

    Steps are counted on the CPU. Torch's own update is not used because it reads its step counter from the device, and
    so would wait at every step for all queued kernels.

    Args:
        model: the model whose parameters and buffers are averaged.
        decay: the final decay.
        device: where the averages are stored.
    """

    n_averaged: Tensor  # () int64

    def __init__(self, model: nn.Module, decay: float, device: torch.device | None = None) -> None:
        super().__init__(model, device, use_buffers=True)
        self.decay = decay
        self.n_averaged = torch.tensor(0)

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        share = torch.clamp((1 + self.n_averaged) / (10 + self.n_averaged), max=self.decay)
        share *= self.n_averaged > 0  # the first weights are taken as they are
        kinds: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
        for mean, value in zip(_tensors(self.module), _tensors(model), strict=True):
            means, values = kinds.setdefault(mean.dtype, ([], []))
            means.append(mean)
            values.append(value)
        for means, values in kinds.values():
            average(means, values, share)
        self.n_averaged += 1


def _tensors(model: nn.Module) -> chain[Tensor]:
    return chain(model.parameters(), model.buffers())


class EMA(WeightAveraging):
    """Validates and saves the averaged weights in place of the current ones.

    Args:
        decay: the final decay of the average.
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Creates the average on the training device, to which Lightning moves the network only later."""
        if stage == "fit":
            self._average_model = RampedAverage(pl_module, self.decay, trainer.strategy.root_device)
