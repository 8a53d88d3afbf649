"""Gradient checkpointing: only the inputs of blocks are stored, and the blocks recomputed in the backward pass."""

from functools import partial
from typing import Any

import torch
from torch.nn.modules.batchnorm import _NormBase

from multiskin.errors import UserError


def recompute_blocks(net: Any, name: str) -> None:
    """Makes a timm network train with less memory but more time (Chen et al., 2016, https://arxiv.org/abs/1604.06174).

    Gradients and running statistics are the same as without it.

    Raises:
        UserError: the network does not support it.
    """
    try:
        net.set_grad_checkpointing(True)
    except (AssertionError, AttributeError, NotImplementedError) as error:
        raise UserError(
            f"model.gradient_checkpointing: {name} does not support it; choose another backbone, or leave it out, "
            "lower data.batch_size and raise trainer.accumulate_grad_batches by the same factor"
        ) from error
    for layer in net.modules():
        if isinstance(layer, _NormBase):
            layer.register_forward_pre_hook(partial(_update_statistics_once, momentum=layer.momentum))


def _update_statistics_once(norm: _NormBase, _: tuple[object, ...], momentum: float | None) -> None:
    """Updates the running statistics in the forward pass only, not when a block is recomputed."""
    recomputing = torch._C._current_graph_task_id() != -1  # in the backward pass; torch's checkpointing checks the same
    norm.momentum = 0.0 if recomputing else momentum
