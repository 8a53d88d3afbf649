"""The learning rate schedule."""

import math
from collections.abc import Callable

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from multiskin.config import OptimizerConfig


def create_schedule(
    optimizer: Optimizer, config: OptimizerConfig, backbone: nn.Module, steps: int, epochs: int
) -> LambdaLR:
    """Warm-up and cosine decay over all steps; the backbone's learning rate is 0 during config.frozen_epochs."""
    warmup = round(config.warmup_epochs * steps / epochs)
    frozen = round((config.frozen_epochs or 0) * steps / epochs)
    in_backbone = {id(weight) for weight in backbone.parameters()}
    groups = [{id(weight) for weight in group["params"]} for group in optimizer.param_groups]
    starts = [frozen if weights & in_backbone else 0 for weights in groups]
    return LambdaLR(optimizer, [_lr_lambda(start, warmup, steps) for start in starts])


def warmup_cosine(step: int, warmup: int, steps: int) -> float:
    """The factor on the learning rate at a step: linear warm-up, then cosine decay to 0 (Loshchilov & Hutter 2017)."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(steps - warmup, 1)
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def _lr_lambda(start: int, warmup: int, steps: int) -> Callable[[int], float]:
    """The factor on the learning rate by step: 0 before `start`, then that of all parameters."""
    return lambda step: warmup_cosine(step, warmup, steps) if step >= start else 0.0
