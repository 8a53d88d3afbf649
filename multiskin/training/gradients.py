"""Whether the heads' gradients on the shared weights agree or conflict."""

from collections.abc import Callable, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

BATCHES = 4  # the first ones of an epoch, a random sample of its photos; each costs H more backward passes


class GradientCosines(nn.Module):
    """The cosine similarity between the gradients of every two heads' losses, averaged over an epoch's first batches.

    The gradients are with respect to all weights of the backbone, as in Yu et al. 2020,
    https://arxiv.org/abs/2001.06782: below 0, a step that helps one head harms the other. Gradients with respect to the
    features would be cheaper, but photos graded for one head each would always give 0. A batch in which a head has no
    gradient, or in half precision one that is not finite, does not count for its pairs. With several processes, each
    measures its own part of the batch, and the mean is over all of them.

    Args:
        names: names of the H heads.
    """

    epoch: Tensor  # (2, H, H), sums and counts of cosines over the epoch's batches so far
    batches: Tensor  # (), how many of the epoch's batches have been measured

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = names
        self.register_buffer("epoch", torch.zeros(2, len(names), len(names)), persistent=False)
        self.register_buffer("batches", torch.zeros(()), persistent=False)

    @property
    def due(self) -> bool:
        """Whether the current batch is one of those to measure."""
        return bool(self.batches < BATCHES)

    def update(self, losses: Tensor, shared: Sequence[nn.Parameter], scale: float = 1.0) -> None:
        """Measures a batch if it is one of the epoch's first; keeps the graph and all .grad attributes as they are.

        Args:
            losses: (H,) of the batch, with their graph.
            shared: the weights that the heads share.
            scale: factor on the losses that keeps small gradients from vanishing in half precision.
        """
        if self.due:
            cosines = gradient_cosines(losses * scale, shared)
            self.epoch += torch.stack([cosines.nan_to_num(), cosines.isfinite().float()])
            self.batches += 1

    def compute(self, reduce: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """The means as "train/cosine/HEAD/HEAD", without pairs of heads that never had gradients in the same batch.

        Args:
            reduce: the mean of a tensor over all processes.
        """
        sums, counts = reduce(self.epoch).cpu()
        pairs = [(i, j) for i, j in combinations(range(len(self.names)), 2) if counts[i, j]]
        return {f"train/cosine/{self.names[i]}/{self.names[j]}": (sums[i, j] / counts[i, j]).item() for i, j in pairs}

    def reset(self) -> None:
        self.epoch.zero_()
        self.batches.zero_()


def gradient_cosines(losses: Tensor, shared: Sequence[nn.Parameter]) -> Tensor:
    """The cosines (H, H) between the gradients of losses (H,); NaN for a head whose gradient is zero or not finite."""
    with torch.autocast(losses.device.type, enabled=False):  # it would round the products below
        gradients = torch.stack([_gradient(loss, shared) for loss in losses])  # (H, P)
        products = gradients @ gradients.T
    squares = products.diagonal()
    lengths = squares.where(squares.isfinite(), torch.nan).sqrt()
    return (products / lengths.outer(lengths)).clamp(-1, 1)


def _gradient(loss: Tensor, shared: Sequence[nn.Parameter]) -> Tensor:
    parts = torch.autograd.grad(loss, shared, retain_graph=True, materialize_grads=True)
    return torch.cat([part.flatten() for part in parts])
