"""The base class of heads: an optional hidden layer, dropout, a linear layer, and a loss."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from multiskin.errors import UserError
from multiskin.losses import LOSSES, LogitKind, Loss


class Head(nn.Module, ABC):
    """Predicts one attribute from pooled features.

    `loss(logits, grades, weight)` is the head's loss, a scalar; see `multiskin.losses.Loss`. The meaning of the logits
    matters only to the loss and to `probabilities`; everything downstream uses the probabilities.

    Args:
        in_features: C, the number of features.
        out_features: outputs of the linear layer: D, the number of logits, unless the head computes the logits from
            fewer outputs.
        loss: the loss that the head is trained with.
        dropout: probability of dropping each input of the linear layer during training.
        hidden: number of units of a layer between the features and the linear layer; None for no such layer.

    Attributes:
        hidden: the hidden layer followed by GELU (Hendrycks and Gimpel, 2016, https://arxiv.org/abs/1606.08415), whose
            smooth derivative gives smooth gradient-based maps; the identity without a hidden layer.

    Raises:
        UserError: the loss takes another kind of logits than this head outputs.
    """

    logit_kind: ClassVar[LogitKind]  # the kind that the head outputs

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
        # Small weights, whatever the backbone, and zero bias: training starts near equal probabilities, with a cross
        # entropy near log K, and the first gradients change the pretrained backbone little.
        nn.init.normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (B, D) of features (B, C)."""
        return self.linear(self.dropout(self.hidden(features)))

    @property
    def readout(self) -> Tensor:
        """The weights (D, U) of the U hidden units: in eval mode, logits = hidden(features) @ readout.T + constant.

        Without a hidden layer, the units are the C features. Average pooling then commutes with the readout, so that
        the maps of the logits are the readout times the feature maps.
        """
        return self.linear.weight

    @abstractmethod
    def log_probabilities(self, logits: Tensor) -> Tensor:
        """The logarithms (B, K) of the probabilities of the grades from logits (B, D); float32."""

    def probabilities(self, logits: Tensor) -> Tensor:
        """The probabilities (B, K) of the grades from logits (B, D); float32, rows sum to 1."""
        return self.log_probabilities(logits).exp()

    def score(self, probabilities: Tensor) -> Tensor:
        """The expected grade (B,) in [0, K-1] under probabilities (B, K); meaningful for ordered grades only."""
        grades = torch.arange(probabilities.shape[1], device=probabilities.device)  # (K,)
        return (probabilities * grades).sum(dim=1)  # autocast would compute a matrix product in half precision


def _hidden_layer(in_features: int, units: int) -> nn.Module:
    """A layer that initially preserves the scale of its inputs (He et al., 2015, https://arxiv.org/abs/1502.01852)."""
    linear = nn.Linear(in_features, units)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)
    return nn.Sequential(linear, nn.GELU())
