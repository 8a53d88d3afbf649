"""Stops training on a loss that is not finite, without waiting for the GPU in every step."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from multiskin.errors import UserError

Describe = Callable[[Sequence[int]], str]


class PendingCheck(NamedTuple):
    """The check of one step's losses, whose result may still be on its way from the GPU.

    Attributes:
        finite: (H,) bool on the CPU, valid once `copied` has happened.
        copied: the end of the copy from the GPU; None for losses on the CPU.
        place: the epoch and step of the losses.
        rows: (B,) rows of the photos.
        describe: names the photos of such rows.
    """

    finite: Tensor
    copied: torch.cuda.Event | None
    place: str
    rows: Tensor
    describe: Describe


class FiniteLosses:
    """Checks each step's losses one step later.

    Checking them at once would wait for the GPU and leave it idle while the next kernels are launched.

    Args:
        names: names of the H heads.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.pending: PendingCheck | None = None

    def watch(self, losses: Tensor, place: str, rows: Tensor, describe: Describe) -> None:
        """Starts to check losses (H,) and finishes the check of the step before.

        Raises:
            UserError: a loss of the step before is not finite.
        """
        finite = torch.isfinite(losses.detach()).to("cpu", non_blocking=True)
        copied = torch.cuda.current_stream().record_event() if losses.is_cuda else None
        before, self.pending = self.pending, PendingCheck(finite, copied, place, rows, describe)
        self._finish(before)

    def check(self) -> None:
        """Finishes the pending check, before weights that a bad loss may have spoilt are validated or saved.

        Raises:
            UserError: a loss of the last step is not finite.
        """
        last, self.pending = self.pending, None
        self._finish(last)

    def _finish(self, pending: PendingCheck | None) -> None:
        if pending is None:
            return
        if pending.copied is not None:
            pending.copied.synchronize()
        bad = [name for name, finite in zip(self.names, pending.finite.tolist(), strict=True) if not finite]
        if bad:
            raise UserError(
                f"the loss of {', '.join(bad)} is not finite in {pending.place}; lower optimizer.lr or set "
                f"trainer.precision to 32-true; the batch was {pending.describe(pending.rows.tolist())}"
            )
