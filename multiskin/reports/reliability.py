"""How far probabilities can be trusted: calibration errors beside their noise floor, and reliability diagrams."""

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


class Trust(NamedTuple):
    """What the probabilities of one head are worth on graded photos.

    Attributes:
        error: the calibration error; of ordered grades over the cuts between them.
        floor: the one that true probabilities like these would have.
        log_loss: the mean negative log-likelihood.
        rps: the mean ranked probability score; None where grades have no order.
        bins: of the reliability diagram.
    """

    error: float
    floor: Interval
    log_loss: float
    rps: float | None
    bins: list[Bin]


class HeadReliability(NamedTuple):
    """One head's probabilities, as they are and without calibration.

    Attributes:
        attribute: what it grades.
        photos: graded for it.
        found: as they are.
        before: without calibration; None where there is none.
    """

    attribute: Attribute
    photos: int
    found: Trust
    before: Trust | None


def head_reliability(
    schema: Schema, grades: np.ndarray, probabilities: np.ndarray, before: np.ndarray | None = None
) -> list[HeadReliability]:
    """What the probabilities of each head that has graded photos are worth.

    Args:
        schema: the heads, H of them.
        grades: (N, H) int64, -1 where missing.
        probabilities: (N, H, Kmax).
        before: (N, H, Kmax) without calibration; None where there is none.
    """
    heads = []
    for h, attribute in enumerate(schema):
        graded, k = grades[:, h] != MISSING, attribute.grades
        if graded.any():
            true = grades[graded, h]
            found = trust(attribute, probabilities[graded, h, :k], true)
            earlier = None if before is None else trust(attribute, before[graded, h, :k], true)
            heads.append(HeadReliability(attribute, len(true), found, earlier))
    return heads


def reliability_of(run: RunFolder, side: str, predictions: GradedPredictions) -> list[HeadReliability]:
    """That of the predictions on one side of a run's split, beside those without calibration if there are any.

    Raises:
        UserError: a file of the run that is not what was written there.
    """
    path, before = run.uncalibrated(side), None
    if path.is_file():
        uncalibrated = GradedPredictions.load(path, predictions.schema)
        if not uncalibrated.table["row"].equals(predictions.table["row"]):
            raise UserError(f"{path}: not of the photos of {run.predictions(side).name}; measure again")
        before = uncalibrated.probabilities
    return head_reliability(predictions.schema, predictions.grades, predictions.probabilities, before)


def trust(attribute: Attribute, probabilities: np.ndarray, grades: np.ndarray) -> Trust:
    """What probabilities (N, K) are worth on photos with these grades (N,)."""
    ask = cuts if attribute.ordinal else classes
    scores = ranked_probability_score(torch.from_numpy(probabilities), torch.from_numpy(grades))  # (N,)
    return Trust(
        calibration_error(probabilities, grades, ask),
        noise_floor(probabilities, ask),
        log_loss(probabilities, grades),
        scores.mean().item() if attribute.ordinal else None,
        reliability(ask(probabilities, grades)),
    )


def draw_reliability(head: HeadReliability, name: str) -> Markup:
    """Observed shares against predicted probabilities, with how many answers stand behind them.

    Args:
        head: whose; without calibration and with it, side by side, where it has one.
        name: unlike that of any other figure on the page.
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
        return to_svg(figure, name, _spoken(panels))


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
    """On a scale of roots, on which few are still to be seen beside many."""
    heights = [each.answers**0.5 for each in bins]
    axes.bar([each.predicted for each in bins], heights, 0.06, color=SERIES[0], alpha=0.6)
    axes.set(yticks=[])
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(LINE)


def _spoken(panels: dict[str, list[Bin]]) -> str:
    parts = (
        f"{title or 'as they are'}: "
        + "; ".join(f"{each.predicted:.2f} observed {each.observed:.2f}, {each.answers} answers" for each in bins)
        for title, bins in panels.items()
    )
    return f"Predicted probabilities and observed shares, {'. '.join(parts)}"
