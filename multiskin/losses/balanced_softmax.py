"""Balanced softmax: in training each grade's term of the softmax is multiplied by its number of photos."""

from collections.abc import Sequence

from multiskin.losses.logit_adjustment import LogitAdjustment


class BalancedSoftmax(LogitAdjustment):
    """-log of n_grade exp(logit_grade) / sum over k of n_k exp(logit_k), n the counts of training photos.

    Ren et al., Balanced Meta-Softmax for Long-Tailed Visual Recognition, NeurIPS 2020. It is logit adjustment with
    tau = 1; see there what the probabilities mean.

    Args:
        counts: how many training photos have each grade, length K.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        super().__init__(counts, tau=1.0)
