"""Maps of where a run's model sees an attribute, for the photos that a page shows."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from multiskin.errors import UserError
from multiskin.explain.photos import ExplainedPhoto, explain_files
from multiskin.inference.predictor import Predictor
from multiskin.reports.explained import Look, overlaid
from multiskin.run import RunFolder


class MapPainter:
    """Draws maps with a run's best checkpoint, on the CPU; an error only leaves them out, as a page can do without.

    Attributes:
        reason: why there are no maps; "" as long as nothing has failed.
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.reason = ""

    @cached_property
    def predictor(self) -> Predictor:
        return Predictor.from_checkpoint(self.run.best, "cpu")

    def __call__(self, paths: Sequence[Path], name: str) -> list[np.ndarray | None]:
        """Each photo with one head's map on it, (h, w, 3) uint8; None if the photo cannot be read or no map drawn."""
        if self.reason or not paths:
            return [None] * len(paths)
        try:
            look = Look(self.predictor.schema, [self.run.root.name])
            photos = list(explain_files([self.predictor], paths))
        except UserError as error:
            self.reason = str(error).replace(f"{self.run.root}/", "")
            return [None] * len(paths)
        return [overlaid(photo, name, look) if isinstance(photo, ExplainedPhoto) else None for photo in photos]
