"""Optimizers by name."""

from collections.abc import Callable
from functools import partial
from typing import Any

from timm.optim import param_groups_layer_decay
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from multiskin.config import OptimizerConfig
from multiskin.errors import UserError

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adamw": AdamW,
    "adam": Adam,
    "sgd": partial(SGD, momentum=0.9, nesterov=True),
    "rmsprop": RMSprop,
}
FUSED = ("adamw", "adam", "sgd")  # that torch has one kernel of


def create_optimizer(config: OptimizerConfig, groups: list[dict[str, Any]], fused: bool) -> Optimizer:
    """The optimizer of a config over groups of parameters; what a group says for itself goes first."""
    kernel = {"fused": True} if fused else {}
    return OPTIMIZERS[config.name](groups, lr=config.lr, weight_decay=config.weight_decay, **kernel)


def fuses(config: OptimizerConfig, precision: str, clips: bool) -> bool:
    """Whether steps are made in one kernel: as the config says, or else wherever they can be."""
    if config.fused is not None:
        return config.fused
    return config.name in FUSED and not (precision == "16-mixed" and clips)


def check_fused(config: OptimizerConfig, precision: str, clips: bool) -> None:
    """Makes sure that a step can be made in one kernel, if that is asked for.

    Raises:
        UserError: it cannot.
    """
    if config.fused and config.name not in FUSED:
        raise UserError(f"optimizer.fused: {config.name} has no such kernel; leave it out, or use {' or '.join(FUSED)}")
    if config.fused and precision == "16-mixed" and clips:
        raise UserError(
            "optimizer.fused: unscales 16-mixed gradients within the kernel, too late to clip them; leave it out, or "
            "set trainer.precision to bf16-mixed or trainer.gradient_clip_val to null"
        )


def layer_groups(net: nn.Module, config: OptimizerConfig) -> list[dict[str, Any]]:
    """Parameters of a timm network by layer, each with its learning rate: the deeper, the nearer to lr.

    Bao et al. 2021, https://arxiv.org/abs/2106.08254. Biases and norms are not decayed.
    """
    groups = param_groups_layer_decay(net, weight_decay=config.weight_decay, layer_decay=config.layer_decay)
    return [
        {"params": group["params"], "lr": config.lr * group["lr_scale"], "weight_decay": group["weight_decay"]}
        for group in groups
    ]
