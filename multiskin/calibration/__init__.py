"""Post-hoc calibration of a head's probabilities on validation photos, whatever loss the head was trained with."""

from multiskin.calibration.calibrator import Calibrator, calibrate_heads
from multiskin.calibration.cuts import CutScaling
from multiskin.calibration.fitting import (
    METHODS,
    GradedProbabilities,
    fit_calibrator,
    fit_calibrators,
    require_method,
)
from multiskin.calibration.shares import natural_shares

__all__ = [
    "METHODS",
    "Calibrator",
    "CutScaling",
    "GradedProbabilities",
    "calibrate_heads",
    "fit_calibrator",
    "fit_calibrators",
    "natural_shares",
    "require_method",
]
