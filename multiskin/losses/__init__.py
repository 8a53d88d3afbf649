"""Losses by name: functions of (logits, grades, weight) that are independent of the heads."""

from collections.abc import Sequence
from inspect import signature

from multiskin.errors import UserError, unknown
from multiskin.losses.balanced_softmax import BalancedSoftmax
from multiskin.losses.base import LogitKind, Loss, in_range
from multiskin.losses.beta_labels import BetaLabels
from multiskin.losses.binomial_labels import BinomialLabels
from multiskin.losses.cdw_ce import CDWCE
from multiskin.losses.class_balanced import ClassBalancedCrossEntropy, ClassBalancedFocal
from multiskin.losses.coral import Coral
from multiskin.losses.corn import Corn
from multiskin.losses.cross_entropy import CrossEntropy
from multiskin.losses.cumulative_link import CumulativeLink
from multiskin.losses.expected_credit import ExpectedCredit
from multiskin.losses.focal import Focal
from multiskin.losses.label_smoothing import LabelSmoothing
from multiskin.losses.ldam import LDAM
from multiskin.losses.logit_adjustment import LogitAdjustment
from multiskin.losses.masked_label_smoothing import MaskedLabelSmoothing
from multiskin.losses.sord import SORD
from multiskin.losses.squared_emd import SquaredEMD
from multiskin.losses.triangular_labels import TriangularLabels
from multiskin.schema import Attribute

__all__ = ["LOSSES", "LogitKind", "Loss", "create_loss", "in_range"]

LOSSES: dict[str, type[Loss]] = {
    "cross_entropy": CrossEntropy,
    "label_smoothing": LabelSmoothing,
    "focal": Focal,
    "class_balanced_cross_entropy": ClassBalancedCrossEntropy,
    "class_balanced_focal": ClassBalancedFocal,
    "balanced_softmax": BalancedSoftmax,
    "logit_adjustment": LogitAdjustment,
    "ldam": LDAM,
    "masked_label_smoothing": MaskedLabelSmoothing,
    "sord": SORD,
    "binomial_labels": BinomialLabels,
    "beta_labels": BetaLabels,
    "triangular_labels": TriangularLabels,
    "squared_emd": SquaredEMD,
    "cdw_ce": CDWCE,
    "expected_credit": ExpectedCredit,
    "coral": Coral,
    "corn": Corn,
    "cumulative_link": CumulativeLink,
}


def create_loss(name: str, attribute: Attribute, counts: Sequence[int], /, **options: float) -> Loss:
    """Creates the named loss for an attribute.

    Args:
        name: one of LOSSES.
        attribute: the graded attribute.
        counts: how many training photos have each grade of the attribute, length K.
        **options: keyword arguments of the loss's constructor, except counts.

    Raises:
        UserError: an unknown loss or option, an option out of range, or a loss for ordered grades with a nominal
            attribute.
    """
    if len(counts) != attribute.grades:
        raise ValueError(f"{len(counts)} counts for the {attribute.grades} grades of {attribute.name!r}")
    where = f"heads.{attribute.name}.loss"
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES, where)
    loss, where = LOSSES[name], f"{where} {name!r}"
    if loss.needs_order and not attribute.ordinal:
        others = [other for other, kind in LOSSES.items() if not kind.needs_order]
        raise UserError(f"{where}: needs ordered grades, but these are nominal; choose one of {', '.join(others)}")
    known = [option for option in signature(loss).parameters if option != "counts"]
    for option in options:
        if option not in known:
            raise unknown("option", option, known, where)
    try:
        return loss(counts, **options)
    except UserError as error:
        raise UserError(f"{where}: {error} (options: {', '.join(known)})") from error
