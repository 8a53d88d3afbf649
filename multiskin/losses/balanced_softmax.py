"""Balanced softmax: during training, each term of the softmax is weighted by the grade's number of photos."""

from collections.abc import Sequence

from multiskin.losses.logit_adjustment import LogitAdjustment


class BalancedSoftmax(LogitAdjustment):
    """-log(n_grade exp(logit_grade) / sum over k of n_k exp(logit_k)), where n_k is the count of training photos.

    Ren et al., Balanced Meta-Softmax for Long-Tailed Visual Recognition, NeurIPS 2020. This is `LogitAdjustment` with
    tau = 1, which also explains what the probabilities mean.

    Args:
        counts: how many training photos have each grade, length K.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        super().__init__(counts, tau=1.0)
