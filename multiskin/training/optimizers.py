"""Optimizers by name."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from multiskin.config import OptimizerConfig

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adamw": AdamW,
    "adam": Adam,
    "sgd": partial(SGD, momentum=0.9, nesterov=True),
    "rmsprop": RMSprop,
}


def create_optimizer(config: OptimizerConfig, groups: list[dict[str, Any]]) -> Optimizer:
    """The optimizer of a config over groups of parameters; what a group says for itself goes first."""
    return OPTIMIZERS[config.name](groups, lr=config.lr, weight_decay=config.weight_decay)
