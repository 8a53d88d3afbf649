"""How far probabilities can be trusted: calibration errors with their noise floor, and reliability diagrams."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from multiskin.errors import UserError
from multiskin.metrics.bootstrap import Interval
from multiskin.metrics.calibration import Bin, calibration_error, classes, cuts, log_loss, noise_floor, reliability
from multiskin.metrics.functional import ranked_probability_score
from multiskin.reports.graded import GradedPredictions
from multiskin.reports.styles import INK, LINE, MUTED, SERIES, page_style
from multiskin.reports.svg import to_svg
from multiskin.run import RunFolder
from multiskin.schema import MISSING, Attribute, Schema

PANEL = 2.5  # inches


class ProbabilityScores(NamedTuple):
    """How good the probabilities of one head are on graded photos.

    Attributes:
        error: the calibration error; for ordinal grades, over the cuts between grades.
        floor: the calibration error that these probabilities would have if they were perfectly calibrated.
        log_loss: the mean negative log-likelihood.
        rps: the mean ranked probability score; None where grades have no order.
        bins: the bins of the reliability diagram.
    """

    error: float
    floor: Interval
    log_loss: float
    rps: float | None
    bins: list[Bin]


class HeadReliability(NamedTuple):
    """How good one head's probabilities are, as they are and without calibration.

    Attributes:
        attribute: the head's attribute.
        photos: how many photos are graded for it.
        found: for the probabilities as they are.
        before: for those without calibration; None if the model is not calibrated.
    """

    attribute: Attribute
    photos: int
    found: ProbabilityScores
    before: ProbabilityScores | None


def head_reliability(
    schema: Schema, grades: np.ndarray, probabilities: np.ndarray, before: np.ndarray | None = None
) -> list[HeadReliability]:
    """How good the probabilities are, for each head with graded photos.

    Args:
        schema: the heads, H of them.
        grades: (N, H) int64, -1 where missing.
        probabilities: (N, H, Kmax).
        before: (N, H, Kmax) without calibration; None if the model is not calibrated.
    """
    heads = []
    for h, attribute in enumerate(schema):
        graded, k = grades[:, h] != MISSING, attribute.grades
        if graded.any():
            true = grades[graded, h]
            found = score_probabilities(attribute, probabilities[graded, h, :k], true)
            earlier = None if before is None else score_probabilities(attribute, before[graded, h, :k], true)
            heads.append(HeadReliability(attribute, len(true), found, earlier))
    return heads


def reliability_of(run: RunFolder, side: str, predictions: GradedPredictions) -> list[HeadReliability]:
    """How good a run's predictions on one split are, with and without calibration if the model is calibrated.

    Raises:
        UserError: a file of the run is damaged.
    """
    path, before = run.uncalibrated(side), None
    if path.is_file():
        uncalibrated = GradedPredictions.load(path, predictions.schema)
        if not uncalibrated.table["row"].equals(predictions.table["row"]):
            raise UserError(f"{path}: its photos are not those of {run.predictions(side).name}; measure again")
        before = uncalibrated.probabilities
    return head_reliability(predictions.schema, predictions.grades, predictions.probabilities, before)


def score_probabilities(attribute: Attribute, probabilities: np.ndarray, grades: np.ndarray) -> ProbabilityScores:
    """How good probabilities (N, K) are on photos with these true grades (N,)."""
    ask = cuts if attribute.ordinal else classes
    scores = ranked_probability_score(torch.from_numpy(probabilities), torch.from_numpy(grades))  # (N,)
    return ProbabilityScores(
        calibration_error(probabilities, grades, ask),
        noise_floor(probabilities, ask),
        log_loss(probabilities, grades),
        scores.mean().item() if attribute.ordinal else None,
        reliability(ask(probabilities, grades)),
    )


def draw_reliability(head: HeadReliability, name: str) -> Markup:
    """The reliability diagram: observed shares by predicted probability, with the number of predictions in each bin.

    Args:
        head: the head; drawn without and with calibration, side by side, if it is calibrated.
        name: unique among the figures of the page.
    """
    known = {"uncalibrated": head.before, "calibrated": head.found} if head.before else {"": head.found}
    panels = {title: of.bins for title, of in known.items() if of}
    with page_style():
        figure = Figure(figsize=(PANEL * len(panels) + 0.4, PANEL + 0.7), layout="constrained")
        grid = figure.subplots(2, len(panels), squeeze=False, sharex=True, height_ratios=(4, 1))
        for (diagram, counts), (title, bins) in zip(grid.T, panels.items(), strict=True):
            _draw_diagram(diagram, title, bins)
            _draw_counts(counts, bins)
        answer = "a higher grade" if head.attribute.ordinal else "a class"
        figure.supxlabel(f"predicted probability of {answer}", fontsize=10, color=MUTED)
        grid[0, 0].set_ylabel("observed share")
        return to_svg(figure, name, _description(panels))


def _draw_diagram(axes: Axes, title: str, bins: Sequence[Bin]) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
    axes.plot(
        [each.predicted for each in bins],
        [each.observed for each in bins],
        color=SERIES[0],
        marker="o",
        markersize=5,
        linewidth=1.6,
    )
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    axes.set_title(title, fontsize=10, color=INK)
    axes.grid()


def _draw_counts(axes: Axes, bins: Sequence[Bin]) -> None:
    """On a square-root scale, so that small counts stay visible beside large ones."""
    heights = [each.size**0.5 for each in bins]
    axes.bar([each.predicted for each in bins], heights, 0.06, color=SERIES[0], alpha=0.6)
    axes.set(yticks=[])
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(LINE)


def _description(panels: dict[str, list[Bin]]) -> str:
    parts = (
        f"{title or 'as they are'}: "
        + "; ".join(f"{each.predicted:.2f} observed {each.observed:.2f}, {each.size} answers" for each in bins)
        for title, bins in panels.items()
    )
    return f"Predicted probabilities and observed shares, {'. '.join(parts)}"
