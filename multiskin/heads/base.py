"""What all heads share: an optional small layer, dropout, a linear layer, and a loss."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from multiskin.errors import UserError
from multiskin.losses import LOSSES, LogitKind, Loss


class Head(nn.Module, ABC):
    """Predicts one attribute from pooled features.

    `loss(logits, grades, weight)` is the head's loss, a scalar; see `multiskin.losses.Loss`. Only the loss and
    `probabilities` know what the logits mean; all that comes after sees probabilities.

    Args:
        in_features: C, the channels of the features.
        out_features: outputs of the linear layer; D, the number of logits, unless the head makes more logits of them.
        loss: what the head is trained with.
        dropout: share of the linear layer's inputs that is set to zero in training.
        hidden: units of a layer between features and linear layer; None for none.

    Attributes:
        hidden: that layer with its GELU (Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415), which is smooth,
            so that maps by its derivative are smooth, too; the identity where there is none.

    Raises:
        UserError: the loss needs another kind of logits than this head gives.
    """

    logit_kind: ClassVar[LogitKind]  # the kind that it gives

    def __init__(self, in_features: int, out_features: int, loss: Loss, dropout: float, hidden: int | None) -> None:
        super().__init__()
        if loss.logit_kind != self.logit_kind:
            fitting = [name for name, kind in LOSSES.items() if kind.logit_kind == self.logit_kind]
            raise UserError(
                f"{type(self).__name__} gives {self.logit_kind} logits and the loss {type(loss).__name__} takes "
                f"{loss.logit_kind} ones; choose one of {', '.join(fitting)}, or let create_head choose the head"
            )
        self.hidden = nn.Identity() if hidden is None else _hidden_layer(in_features, hidden)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(in_features if hidden is None else hidden, out_features)
        self.loss = loss
        # Weights of the same small size for any backbone, and no bias: training starts near equal probabilities with a
        # loss near log K, and an untrained head disturbs the pretrained backbone little.
        nn.init.normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (B, D) of features (B, C)."""
        return self.linear(self.dropout(self.hidden(features)))

    @property
    def readout(self) -> Tensor:
        """The weight (D, U) of U hidden units in the logits: in eval mode, logits = hidden(features) @ readout.T + c.

        Without a hidden layer the units are the C features. Average pooling then commutes with the read-out, so that
        the maps of the logits are readout times the feature maps.
        """
        return self.linear.weight

    @abstractmethod
    def probabilities(self, logits: Tensor) -> Tensor:
        """The probability (B, K) of each grade from logits (B, D); float32, rows sum to 1."""

    def score(self, probabilities: Tensor) -> Tensor:
        """The expected grade (B,) in [0, K-1] under probabilities (B, K); meaningful for ordered grades only."""
        grades = torch.arange(probabilities.shape[1], device=probabilities.device)  # (K,)
        return (probabilities * grades).sum(dim=1)  # not a matrix product: autocast would use half precision


def _hidden_layer(in_features: int, units: int) -> nn.Module:
    """Starts with outputs of the same scale as the features: He et al. 2015, https://arxiv.org/abs/1502.01852."""
    linear = nn.Linear(in_features, units)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)
    return nn.Sequential(linear, nn.GELU())
