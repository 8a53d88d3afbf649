"""Photos for comparing and quantising exported models."""

from pathlib import Path

import numpy as np
import pandas as pd

from multiskin.data.images import ImageError, read_image
from multiskin.data.render.parts import PARTS
from multiskin.data.render.photo import Shot, photograph
from multiskin.data.validation import photo_path
from multiskin.errors import UserError
from multiskin.run import RunFolder

COMPARED = 32  # photos to compare on
LEARNED = 128  # photos to estimate the ranges of activations on


def run_photos(run: RunFolder, root: Path, side: str, most: int) -> list[np.ndarray]:
    """Photos (h, w, 3) uint8 RGB evenly spaced over one side of a run's split; unreadable ones are left out.

    Args:
        run: the run.
        root: the folder with its photos.
        side: train or val.
        most: maximum number of photos.

    Raises:
        UserError: the split cannot be read.
    """
    try:
        split = pd.read_csv(run.split, usecols=["image", "split"], dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{run.split}: not the split that 'fit' wrote; restore it") from error
    names = split.loc[split["split"] == side, "image"].tolist()
    chosen = sorted({round(place) for place in np.linspace(0, len(names) - 1, min(most, len(names)))})
    found = (_read(photo_path(root, names[place])) for place in chosen)
    return [photo for photo in found if photo is not None]


def _read(path: Path) -> np.ndarray | None:
    try:
        return read_image(path)
    except ImageError:
        return None


def drawn_photos() -> list[np.ndarray]:
    """One drawn photo of each part of a face, each with a different skin tone."""
    shots = (Shot(0, person, 0, part, False, person, ()) for person, part in enumerate(PARTS))
    return [photograph(shot).pixels for shot in shots]
