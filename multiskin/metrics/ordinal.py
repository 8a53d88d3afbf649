"""A torchmetrics object for all heads, which accumulates the sums that every metric is computed from."""

import torch
from torch import Tensor
from torchmetrics import Metric

from multiskin.metrics import functional
from multiskin.schema import Schema

# Without n and the P-Recall of constant decisions, which depend on the true grades alone.
HIGHER_IS_BETTER = {
    "p_recall": True,
    "p_recall_zero": True,
    "kappa": True,
    "spearman": True,
    "mae": False,
    "macro_mae": False,
    "accuracy": True,
    "within_one": True,
    "macro_recall": True,
    "balanced_accuracy": True,
    "macro_f1": True,
    "rps": False,
    "rps_balanced": False,
}


class GradeMetrics(Metric):
    """The metrics of `summarise` for every head of a schema, over all batches since the last reset.

    The state consists of sums, so the result does not depend on the order or size of batches or on how they are
    distributed over processes.
    """

    is_differentiable = False
    higher_is_better = None  # differs by metric; see HIGHER_IS_BETTER
    full_state_update = False

    confusion: Tensor  # (H, Kmax, Kmax) int64, true grade in rows
    rps_sums: Tensor  # (H, Kmax) float64, by true grade
    highest_grade: Tensor  # (H,) int64, each head's K-1

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self.schema = schema
        heads, width = len(schema), schema.max_grades
        self.add_state("confusion", torch.zeros(heads, width, width, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("rps_sums", torch.zeros(heads, width, dtype=torch.float64), dist_reduce_fx="sum")
        highest_grade = torch.tensor([attribute.grades - 1 for attribute in schema])
        self.register_buffer("highest_grade", highest_grade, persistent=False)

    def update(self, probabilities: Tensor, decisions: Tensor, grades: Tensor) -> None:
        """Adds a batch; a row counts for the heads that it is graded for. Never synchronizes with the device.

        Args:
            probabilities: (B, H, Kmax), zero beyond a head's own K.
            decisions: (B, H) int64, within each head's 0..K-1.
            grades: (B, H) int64, within each head's 0..K-1, or -1 where missing.

        Raises:
            ValueError: wrong shapes, or grades or decisions that are not integers. Their range is not checked.
        """
        self._check(probabilities, decisions, grades)
        width = self.schema.max_grades
        self.confusion = self.confusion + functional.confusion_matrix(grades, decisions, width)
        # Not in place, so that the sum is promoted to float64 even if the module was cast to half precision.
        self.rps_sums = self.rps_sums + self._rps_by_grade(probabilities, grades)

    def compute(self) -> dict[str, Tensor]:
        return summarise(self.confusion, self.rps_sums, self.schema)

    def _rps_by_grade(self, probabilities: Tensor, grades: Tensor) -> Tensor:
        """Sums of the batch's ranked probability scores by true grade: (H, Kmax)."""
        grade = torch.arange(self.schema.max_grades, device=grades.device)
        is_cut = grade < self.highest_grade.unsqueeze(1)  # (H, Kmax): the K-1 cuts of each head
        errors = functional.squared_cdf_error(probabilities, grades).where(is_cut, 0.0)  # (B, H, Kmax)
        scores = errors.sum(-1) / self.highest_grade  # (B, H)
        truth = grades.unsqueeze(-1) == grade  # (B, H, Kmax)
        return scores.unsqueeze(-1).where(truth, 0.0).sum(0)

    def _check(self, probabilities: Tensor, decisions: Tensor, grades: Tensor) -> None:
        shape_of_grades = (*grades.shape[:1], len(self.schema))
        expected = {
            "probabilities": (probabilities, (*shape_of_grades, self.schema.max_grades)),
            "decisions": (decisions, shape_of_grades),
            "grades": (grades, shape_of_grades),
        }
        for name, (tensor, shape) in expected.items():
            if tensor.shape != shape:
                raise ValueError(f"{name} are {tuple(tensor.shape)}, expected {shape}")
        for name, tensor in (("decisions", decisions), ("grades", grades)):
            if tensor.is_floating_point():
                raise ValueError(f"{name} are {tensor.dtype}, expected integers")


def summarise(confusion: Tensor, rps_sums: Tensor, schema: Schema) -> dict[str, Tensor]:
    """Every metric of every head as "HEAD/METRIC", and their means over heads as "mean/METRIC".

    The means are over the ordinal heads with a value, or over the nominal heads if there are no ordinal ones. Of the
    four kinds of P-Recall, "zero" counts absent grades as 0, and "constant" is that of the best constant decision.

    Args:
        confusion: (H, Kmax, Kmax) counts, true grade in rows.
        rps_sums: (H, Kmax) sums of ranked probability scores by true grade.
        schema: the H heads.

    Returns:
        0-d float64 tensors, NaN for a head without graded rows; n is the number of graded rows.
    """
    heads = {}
    for head, attribute in enumerate(schema):
        k = attribute.grades
        metrics_of = _ordinal if attribute.ordinal else _nominal
        heads[attribute.name] = metrics_of(confusion[head, :k, :k], rps_sums[head, :k])
    averaged = [heads[attribute.name] for attribute in schema if attribute.ordinal] or list(heads.values())
    means = {metric: torch.stack([head[metric] for head in averaged]).nanmean() for metric in averaged[0]}
    del means["n"]
    rows = heads | {"mean": means}
    return {f"{name}/{metric}": value for name, row in rows.items() for metric, value in row.items()}


def _ordinal(confusion: Tensor, rps_sums: Tensor) -> dict[str, Tensor]:
    n_by_grade = confusion.sum(1).double()
    return {
        "n": n_by_grade.sum(),
        "p_recall": functional.p_recall(confusion),
        "p_recall_zero": functional.p_recall(confusion, absent="zero"),
        "p_recall_constant": functional.p_recall_constant(confusion),
        "p_recall_zero_constant": functional.p_recall_constant(confusion, absent="zero"),
        "kappa": functional.quadratic_kappa(confusion),
        "spearman": functional.spearman(confusion),
        "mae": functional.mae(confusion),
        "macro_mae": functional.macro_mae(confusion),
        "accuracy": functional.accuracy(confusion),
        "within_one": functional.within_one(confusion),
        "macro_recall": functional.macro_recall(confusion),
        "macro_f1": functional.macro_f1(confusion),
        "rps": rps_sums.sum() / n_by_grade.sum(),
        "rps_balanced": (rps_sums / n_by_grade).nanmean(),
    }


def _nominal(confusion: Tensor, _: Tensor) -> dict[str, Tensor]:
    return {
        "n": confusion.sum().double(),
        "accuracy": functional.accuracy(confusion),
        "balanced_accuracy": functional.macro_recall(confusion),
        "macro_f1": functional.macro_f1(confusion),
    }
