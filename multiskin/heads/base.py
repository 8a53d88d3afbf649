"""What every head shares: a small layer of its own if asked for, dropout, a linear layer, and its loss."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from multiskin.errors import UserError
from multiskin.losses import LOSSES, Logits, Loss


class Head(nn.Module, ABC):
    """What predicts one attribute from pooled features.

    `loss(logits, grades, weight)` is the head's loss, a scalar; see `multiskin.losses.Loss`. What the logits mean is
    between the loss and `probabilities`; all that comes after sees probabilities.

    Args:
        in_features: C, the channels of the features.
        out_features: of the linear layer; D, the number of logits, unless the head makes more of them.
        loss: what the head is trained with.
        dropout: share of what the linear layer reads set to zero in training.
        hidden: units of a layer between features and linear layer; None for none.

    Attributes:
        hidden: that layer with its GELU (Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415), which is smooth,
            so that maps by its derivative are, too; the identity where there is none.

    Raises:
        UserError: the loss takes its logits for something else than this head gives.
    """

    logits: ClassVar[Logits]  # what it gives

    def __init__(self, in_features: int, out_features: int, loss: Loss, dropout: float, hidden: int | None) -> None:
        super().__init__()
        if loss.logits != self.logits:
            fitting = [name for name, kind in LOSSES.items() if kind.logits == self.logits]
            raise UserError(
                f"{type(self).__name__} gives {self.logits} logits and the loss {type(loss).__name__} takes "
                f"{loss.logits} ones; choose one of {', '.join(fitting)}, or have create_head choose the head"
            )
        self.hidden = nn.Identity() if hidden is None else _small_layer(in_features, hidden)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(in_features if hidden is None else hidden, out_features)
        self.loss = loss
        # Small weights of one size for any backbone, and no bias: training starts near equal probabilities, the loss
        # near log K, and what a head does not know yet moves the pretrained backbone little.
        nn.init.normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (B, D) of features (B, C)."""
        return self.linear(self.dropout(self.hidden(features)))

    @property
    def readout(self) -> Tensor:
        """The weight (D, U) of U hidden units in the logits: in eval mode, logits = hidden(features) @ readout.T + c.

        Without a hidden layer these are the C features. Average pooling commutes with it then, so that the maps of the
        logits are readout times the feature maps.
        """
        return self.linear.weight

    @abstractmethod
    def probabilities(self, logits: Tensor) -> Tensor:
        """The probability (B, K) of each grade, float32, rows sum to 1, from logits (B, D)."""

    def score(self, probabilities: Tensor) -> Tensor:
        """The expected grade (B,) in [0, K-1] under probabilities (B, K); it says something of ordered grades only."""
        grades = torch.arange(probabilities.shape[1], device=probabilities.device)  # (K,)
        return (probabilities * grades).sum(dim=1)  # no matrix product, which autocast would do in half precision


def _small_layer(in_features: int, units: int) -> nn.Module:
    """Begins with what it says of features as large as they are: He et al. 2015, https://arxiv.org/abs/1502.01852."""
    linear = nn.Linear(in_features, units)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)
    return nn.Sequential(linear, nn.GELU())
