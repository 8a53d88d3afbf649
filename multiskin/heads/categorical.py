"""The categorical head: one logit per grade."""

from torch import Tensor

from multiskin.heads.base import Head
from multiskin.losses import Loss


class CategoricalHead(Head):
    """D = K logits; the probabilities are their softmax."""

    logit_kind = "categorical"

    def __init__(self, in_features: int, loss: Loss, dropout: float = 0.0, hidden: int | None = None) -> None:
        super().__init__(in_features, loss.num_grades, loss, dropout, hidden)

    def log_probabilities(self, logits: Tensor) -> Tensor:
        return logits.float().log_softmax(dim=1)

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits.float().softmax(dim=1)  # a single operation, also in an export
