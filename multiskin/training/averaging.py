"""Averaged weights that are of use from the first epoch on."""

from itertools import chain

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def average(averaged: list[Tensor], current: list[Tensor], share: Tensor) -> None:
    """Moves averaged tensors to share * averaged + (1 - share) * current, in place; all of them are of one kind.

    Floats are averaged at once and in one pass, which on a GPU is one kernel in place of some for each.

    Args:
        averaged: on any device.
        current: there as well.
        share: () float32 on the CPU.
    """
    if averaged[0].is_floating_point():
        torch._foreach_lerp_(averaged, current, float(1 - share))
        return
    for mean, value in zip(averaged, current, strict=True):  # counts, such as those of batch norm
        mean.copy_(float(share) * mean + float(1 - share) * value)


class RampedAverage(AveragedModel):
    """An exponential moving average whose decay rises to its final value: min(decay, (1 + n) / (10 + n)) at step n.

    With the final decay from the start, the weights of the first step, which know nothing, would keep a share of
    decay ** n: half of the average after 70 steps at 0.99, which is all of a small data set's training.

    The steps are counted on the CPU, and torch's own update, which asks the device for them, is not used: it would wait
    at every step until the device had done all that it was told.

    Args:
        model: whose parameters and buffers are averaged.
        decay: the final one.
        device: where the averages lie.
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
    """Lightning's callback, with which the averaged weights are what is validated and saved.

    Args:
        decay: of the average, in the end.
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Makes the average where the network is going to be; it is moved there only later."""
        if stage == "fit":
            self._average_model = RampedAverage(pl_module, self.decay, trainer.strategy.root_device)
