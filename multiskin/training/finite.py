"""Losses that are not finite stop a training, which does not wait for its device to find out."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from multiskin.errors import UserError

Describe = Callable[[Sequence[int]], str]


class PendingCheck(NamedTuple):
    """Losses that were asked for, and will have come when the event has.

    Attributes:
        finite: (H,) bool on the CPU.
        copied: None where nothing had to come.
        place: the epoch and step that they are of.
        rows: (B,) of the photos.
        describe: says which photos such rows are.
    """

    finite: Tensor
    copied: torch.cuda.Event | None
    place: str
    rows: Tensor
    describe: Describe


class FiniteLosses:
    """Looks at each step's losses when the next one's have been asked for.

    To look at them at once would wait for a GPU, which would have nothing to do while the next kernels are launched.

    Args:
        names: of the heads, H of them.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.pending: PendingCheck | None = None

    def watch(self, losses: Tensor, place: str, rows: Tensor, describe: Describe) -> None:
        """Asks for losses (H,), and looks at those of the step before.

        Raises:
            UserError: one of these is not finite.
        """
        finite = torch.isfinite(losses.detach()).to("cpu", non_blocking=True)
        copied = torch.cuda.current_stream().record_event() if losses.is_cuda else None
        before, self.pending = self.pending, PendingCheck(finite, copied, place, rows, describe)
        self._finish(before)

    def check(self) -> None:
        """Looks at the last ones: before what they may have spoilt is measured or kept.

        Raises:
            UserError: one of them is not finite.
        """
        last, self.pending = self.pending, None
        self._finish(last)

    def _finish(self, look: PendingCheck | None) -> None:
        if look is None:
            return
        if look.copied is not None:
            look.copied.synchronize()
        lost = [name for name, finite in zip(self.names, look.finite.tolist(), strict=True) if not finite]
        if lost:
            raise UserError(
                f"the loss of {', '.join(lost)} is not finite in {look.place}; lower optimizer.lr or set "
                f"trainer.precision to 32-true; the batch was {look.describe(look.rows.tolist())}"
            )
