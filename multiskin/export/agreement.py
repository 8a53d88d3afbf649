"""How closely an exported model agrees with the original on the same photos."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from multiskin.errors import UserError
from multiskin.explain.cam import head_maps
from multiskin.inference.predictor import Predictor
from multiskin.portable.predictor import OnnxPredictor

TOLERANCE = 1e-4  # tolerance for a float model: in probabilities, and in maps as a share of their maximum


class Agreement(NamedTuple):
    """Agreement of an exported model with the original.

    Attributes:
        photos: the number of photos compared.
        probability: the largest absolute difference of probabilities.
        mean: the mean absolute difference of probabilities.
        map: the largest absolute difference of maps, divided by their largest absolute value, or by 1 if that is
            smaller; None if there are no maps.
        grades: (H,) the share of photos with the same grade.
    """

    photos: int
    probability: float
    mean: float
    map: float | None
    grades: np.ndarray


@torch.inference_mode()
def agreement(predictor: Predictor, exported: OnnxPredictor, photos: Sequence[np.ndarray]) -> Agreement:
    """Compares both models on the same photos (h, w, 3) uint8 RGB, each with its own preprocessing."""
    transform = predictor.transform()
    apart, same, of_maps = [], [], []
    for photo in photos:
        image, pixels = transform(photo, seed=0)[None], exported.pixels(photo)[None]
        ours, theirs = predictor.predict(image), exported.predict(pixels)
        apart.append(np.abs(ours.probabilities - theirs.probabilities))
        same.append(ours.grades == theirs.grades)
        if exported.has_maps:
            expected = head_maps(predictor.net, image.to(predictor.device)).maps.cpu().numpy()
            of_maps.append((np.abs(expected - exported.maps(pixels)).max(), np.abs(expected).max()))
    differences = np.concatenate(apart)  # (N, H, Kmax)
    worst, strongest = np.max(of_maps, axis=0) if of_maps else (0.0, 1.0)
    return Agreement(
        len(photos),
        float(differences.max()),
        float(differences.mean()),
        float(worst / max(strongest, 1)) if of_maps else None,
        np.concatenate(same).mean(axis=0),
    )


def require_same(found: Agreement, where: str) -> None:
    """Makes sure that a float model agrees with the original.

    Raises:
        UserError: it differs by more than rounding errors.
    """
    for what, apart in (("a probability", found.probability), ("a map", found.map)):
        if apart is not None and not apart <= TOLERANCE:  # also refuses NaN
            raise UserError(
                f"{where}: not kept, since {what} differs from the original by {apart:.2g}, more than the "
                f"{TOLERANCE:g} that rounding explains; predict from the run itself, and report the backbone to us"
            )
