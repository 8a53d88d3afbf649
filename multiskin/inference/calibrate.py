"""Calibrates a trained model on photos it was not trained on, and saves the calibration in its checkpoint."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from multiskin.calibration import GradedProbabilities, fit_calibrators
from multiskin.data.manifest import Manifest
from multiskin.inference.predictor import CALIBRATION, CONFORMAL, CREDITS, DECISIONS, Predictor
from multiskin.losses import LOSSES
from multiskin.models.blueprint import Blueprint
from multiskin.models.checkpoint import read_checkpoint, write_checkpoint
from multiskin.models.skinnet import SkinNet
from multiskin.resampling import grade_distribution


def calibrated(
    predictor: Predictor, checkpoint: Path, photos: Manifest, probabilities: Tensor, methods: Mapping[str, str]
) -> Predictor:
    """The same model with its probabilities calibrated on graded photos.

    Args:
        predictor: the model; the calibrations that it has stay, unless new ones are fitted.
        checkpoint: its file, which records the grades that it was trained on.
        photos: N photos that were not used to train the weights.
        probabilities: (N, H, Kmax), the uncalibrated ones for these photos.
        methods: the method by name of each head to calibrate; a head without a graded photo is left unchanged.
    """
    blueprint = Blueprint.from_dict(read_checkpoint(checkpoint)["blueprint"])
    drawn = drawn_shares(predictor.net, blueprint)
    graded = GradedProbabilities(probabilities.numpy(), photos.grades, photos.units)
    fitted = fit_calibrators(predictor.schema, methods, graded, drawn, blueprint.counts)
    # The sets of grades were fitted to other probabilities
    return replace(predictor, calibrators={**predictor.calibrators, **fitted}, conformal=None)


def drawn_shares(net: SkinNet, blueprint: Blueprint) -> np.ndarray:
    """The distribution of grades (H, Kmax) that each head's probabilities refer to once they are calibrated."""
    priors = net.priors.double().cpu().numpy()
    for h, (attribute, recipe) in enumerate(zip(blueprint.schema, blueprint.recipes, strict=True)):
        counts, own = np.asarray(blueprint.counts[h]), priors[h, : attribute.grades]
        if counts.any():
            own[:] = LOSSES[recipe.loss].calibrated_prior(own, grade_distribution(recipe.resample, counts, attribute))
    return priors


def keep_calibration(predictor: Predictor, checkpoint: Path, target: Path) -> bool:
    """Writes a checkpoint with a model's current calibration and decisions.

    Args:
        predictor: the model.
        checkpoint: its file.
        target: the file to write; may be the same.

    Returns:
        Whether sets of grades were left out because they were fitted with another calibration.

    Raises:
        OSError: no space, or no permission to write.
    """
    content = read_checkpoint(checkpoint)
    before = content.pop(CALIBRATION, {})
    now = {name: calibrator.to_dict() for name, calibrator in predictor.calibrators.items()}
    outdated = before != now and content.pop(CONFORMAL, None) is not None
    sections = {CALIBRATION: now, DECISIONS: dict(predictor.decisions), CREDITS: dict(predictor.credit)}
    others = {name: section for name, section in content.items() if name not in sections}
    write_checkpoint(others | {name: section for name, section in sections.items() if section}, target)
    return outdated
