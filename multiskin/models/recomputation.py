"""Gradient checkpointing: a network keeps only the inputs of its blocks, and runs each again for its gradients."""

from functools import partial
from typing import Any

import torch
from torch.nn.modules.batchnorm import _NormBase

from multiskin.errors import UserError


def recompute_blocks(net: Any, name: str) -> None:
    """Makes a timm network train in less memory and more time (Chen et al. 2016, https://arxiv.org/abs/1604.06174).

    Gradients and running statistics stay those of the plain network.

    Raises:
        UserError: the network does not support it.
    """
    try:
        net.set_grad_checkpointing(True)
    except (AssertionError, AttributeError, NotImplementedError) as error:
        raise UserError(
            f"model.gradient_checkpointing: {name} does not support it; leave it out and lower data.batch_size, with "
            "as much more trainer.accumulate_grad_batches, or choose another backbone"
        ) from error
    for layer in net.modules():
        if isinstance(layer, _NormBase):
            layer.register_forward_pre_hook(partial(_update_statistics_once, momentum=layer.momentum))


def _update_statistics_once(norm: _NormBase, _: tuple[object, ...], momentum: float | None) -> None:
    """Counts a batch in the running statistics the first time, not again in the backward pass."""
    recomputing = torch._C._current_graph_task_id() != -1  # in the backward pass; torch's checkpointing checks the same
    norm.momentum = 0.0 if recomputing else momentum
