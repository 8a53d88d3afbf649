"""Where a run's model sees an attribute, on the photos that a page shows."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from multiskin.explain.photos import ExplainedPhoto, explain_files
from multiskin.inference.predictor import Predictor
from multiskin.reports.explained import Look, overlaid
from multiskin.run import RunFolder

Painter = Callable[[Sequence[Path], str], list[np.ndarray | None]]
"""Photos and an attribute to each photo with that head's map on it (h, w, 3) uint8; None where it cannot be read."""


def painter_of(run: RunFolder) -> Painter | None:
    """By the run's best checkpoint, on the CPU; None if it is gone, for a page can do without.

    Raises:
        UserError: the checkpoint is damaged.
    """
    if not run.best.is_file():
        return None
    predictor = Predictor.from_checkpoint(run.best, "cpu")
    look = Look(predictor.schema, [run.root.name])

    def paint(paths: Sequence[Path], name: str) -> list[np.ndarray | None]:
        photos = explain_files([predictor], paths)
        return [overlaid(photo, name, look) if isinstance(photo, ExplainedPhoto) else None for photo in photos]

    return paint
