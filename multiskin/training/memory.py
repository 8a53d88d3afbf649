"""The memory that a training step takes, computed before the first one.

The step runs on torch's device "meta", where tensors have shapes but no data: that takes seconds and no memory, however
large the network and the batch. Only the memory of tensors is counted: the result is exact to one percent, and about a
tenth too high with gradient checkpointing (benchmarks/memory.py). The process itself needs more: on a GPU 0.5 to 1 GB
for CUDA, its libraries and fragmentation, on a CPU some hundred megabytes of workspace for convolutions.
"""

import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from multiskin.config import FitConfig, parse_bytes
from multiskin.errors import UserError
from multiskin.models.recomputation import recompute_blocks
from multiskin.models.skinnet import SkinNet

TYPES = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
STATES = {"adamw": 2, "adam": 2, "sgd": 1, "rmsprop": 1}  # numbers that the optimizer stores per weight


class LiveBytes(TorchDispatchMode):
    """Tracks the bytes of all live tensors that are created while it is active.

    Attributes:
        now: bytes of the tensors that are alive.
        most: the peak of `now`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.most = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        """Counts a storage once, since views share it; it is freed with the last tensor that uses it."""
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def check_memory(config: FitConfig, net: SkinNet, precision: str) -> None:
    """Makes sure that a training step fits trainer.memory_budget, if there is one.

    Args:
        config: the settings.
        net: the network, which is moved to the device "meta" and so cannot be used afterwards.
        precision: precision of the step, one of TYPES.

    Raises:
        UserError: it does not fit; the message says which settings would.
    """
    budget = config.trainer.memory_budget
    if budget is None:
        return
    most = parse_bytes(budget, "trainer.memory_budget")
    net.to("meta")
    if config.model.gradient_checkpointing:
        recompute_blocks(net.backbone.net, config.model.backbone)
    needed = step_bytes(net, config, precision)
    if needed <= most:
        return
    model, ways = config.model, "; or ".join(_ways_to_fit(net, config, precision, most))
    photos = f"{config.data.batch_size} photos of {model.input_size} x {model.input_size} pixels"
    remedy = f"these fit: {ways}" if ways else "not even one photo fits; lower model.input_size"
    raise UserError(
        f"trainer.memory_budget: {budget}, but a training step of {model.backbone} on {photos} takes "
        f"{_gigabytes(needed)}; {remedy}"
    )


def step_bytes(net: SkinNet, config: FitConfig, precision: str) -> int:
    """The peak memory of all tensors in a training step, in bytes.

    The gradients of the step before are freed only after the next forward pass, so all of them count in addition to
    what the backward pass needs.

    Args:
        net: the network, on the device "meta".
        config: batch size, optimizer and averaging.
        precision: one of TYPES.

    Raises:
        UserError: a network that cannot run on the device "meta".
    """
    weights = sum(weight.nbytes for weight in net.parameters())
    copies = 2 + STATES[config.optimizer.name] + (config.trainer.ema_decay is not None)  # 2: weights and gradients
    half = 0 if precision == "32-true" else weights // 2  # autocast keeps half-precision copies of the weights
    return weights * copies + half + _pass_bytes(net, config, TYPES[precision])


def _pass_bytes(net: SkinNet, config: FitConfig, kind: torch.dtype) -> int:
    """The peak memory of the forward and backward pass of a batch, without the weights."""
    size = config.model.input_size
    backbone = net.backbone.to(kind).train()
    try:
        with LiveBytes() as live:
            images = torch.empty(config.data.batch_size, 3, size, size, device="meta")
            _, features = backbone(images.to(kind))  # heads read a vector, so their memory is negligible
            features.sum().backward()
    except (RuntimeError, ValueError) as error:  # ValueError: a batch too small to normalize
        raise UserError(
            f"trainer.memory_budget: the memory of {config.model.backbone} cannot be computed "
            f"({f'{error}'.splitlines()[0]}); leave the option out"
        ) from error
    finally:
        backbone.zero_grad()
        backbone.float()
    return live.most


def _ways_to_fit(net: SkinNet, config: FitConfig, precision: str, most: float) -> Iterator[str]:
    """The largest divisor of the batch size that fits, without and with gradient checkpointing."""
    size = config.data.batch_size
    smaller = [each for each in range(size - 1, 0, -1) if size % each == 0]
    if not config.model.gradient_checkpointing:
        yield from _largest_that_fits(net, config, smaller, precision, most, "")
        try:
            recompute_blocks(net.backbone.net, config.model.backbone)
        except UserError:
            return
        smaller = [size, *smaller]
    yield from _largest_that_fits(net, config, smaller, precision, most, "model.gradient_checkpointing true")


def _largest_that_fits(
    net: SkinNet, config: FitConfig, sizes: list[int], precision: str, most: float, also: str
) -> Iterator[str]:
    for size in sizes:
        needed = step_bytes(net, replace(config, data=replace(config.data, batch_size=size)), precision)
        if needed <= most:
            options = [also] if also else []
            if size < config.data.batch_size:
                batches = config.trainer.accumulate_grad_batches * config.data.batch_size // size
                options += [f"data.batch_size {size}", f"trainer.accumulate_grad_batches {batches}"]
            yield f"{' and '.join(options)} ({_gigabytes(needed)})"
            return


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.3g} GB"
