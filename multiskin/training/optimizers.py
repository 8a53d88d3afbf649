"""Optimizers by name, and the learning rate and weight decay of each parameter."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from timm.optim import param_groups_layer_decay
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from multiskin.config import OptimizerConfig
from multiskin.errors import UserError
from multiskin.models.skinnet import SkinNet
from multiskin.training.weighting import Weighting

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adamw": AdamW,
    "adam": Adam,
    "sgd": partial(SGD, momentum=0.9, nesterov=True),
    "rmsprop": RMSprop,
}
FUSED = ("adamw", "adam", "sgd")  # those that torch has a fused kernel for


def create_optimizer(config: OptimizerConfig, groups: list[dict[str, Any]], fused: bool) -> Optimizer:
    """The optimizer of a config over parameter groups, whose own settings take precedence."""
    kernel = {"fused": True} if fused else {}
    return OPTIMIZERS[config.name](groups, lr=config.lr, weight_decay=config.weight_decay, **kernel)


def fuses(config: OptimizerConfig, precision: str, clips: bool) -> bool:
    """Whether to use the fused kernel: as the config says, else wherever possible."""
    if config.fused is not None:
        return config.fused
    return config.name in FUSED and not (precision == "16-mixed" and clips)


def check_fused(config: OptimizerConfig, precision: str, clips: bool) -> None:
    """Makes sure that the fused kernel can be used if the config asks for it.

    Raises:
        UserError: it cannot.
    """
    if config.fused and config.name not in FUSED:
        raise UserError(
            f"optimizer.fused: {config.name} has no fused kernel; leave it out, or use {' or '.join(FUSED)}"
        )
    if config.fused and precision == "16-mixed" and clips:
        raise UserError(
            "optimizer.fused: unscales 16-mixed gradients within the kernel, too late to clip them; leave it out, or "
            "set trainer.precision to bf16-mixed or trainer.gradient_clip_val to null"
        )


def parameter_groups(net: SkinNet, weighting: Weighting, config: OptimizerConfig) -> list[dict[str, Any]]:
    """Groups with separate learning rates for backbone and heads, and without weight decay for biases and norms."""
    backbone = (
        _groups(net.backbone, config.lr) if config.layer_decay is None else layer_groups(net.backbone.net, config)
    )
    heads = _groups(net.heads, config.lr * config.head_lr_factor)
    learned = {"params": list(weighting.parameters()), "lr": config.lr * weighting.lr_factor, "weight_decay": 0.0}
    return [*backbone, *heads, *([learned] if learned["params"] else [])]


def layer_groups(net: nn.Module, config: OptimizerConfig) -> list[dict[str, Any]]:
    """Parameter groups of a timm network with layer-wise learning rate decay: the last layers train with the full lr.

    Source: Bao et al. 2021, https://arxiv.org/abs/2106.08254. Biases and norms have no weight decay.
    """
    groups = param_groups_layer_decay(net, weight_decay=config.weight_decay, layer_decay=config.layer_decay)
    return [
        {"params": group["params"], "lr": config.lr * group["lr_scale"], "weight_decay": group["weight_decay"]}
        for group in groups
    ]


def _groups(part: nn.Module, lr: float) -> list[dict[str, Any]]:
    matrices, vectors = _by_dimension(part.parameters())
    return [{"params": matrices, "lr": lr}, {"params": vectors, "lr": lr, "weight_decay": 0.0}]


def _by_dimension(parameters: Iterable[nn.Parameter]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    matrices: list[nn.Parameter] = []
    vectors: list[nn.Parameter] = []
    for parameter in parameters:
        (matrices if parameter.ndim > 1 else vectors).append(parameter)
    return matrices, vectors
