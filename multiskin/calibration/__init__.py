"""How sure a head's probabilities are, brought to what validation photos justify; whatever loss they come from."""

from multiskin.calibration.calibrator import Calibrator
from multiskin.calibration.cuts import CutScaling
from multiskin.calibration.fitting import METHODS, fit_calibrator, fit_calibrators, require_method

__all__ = ["METHODS", "Calibrator", "CutScaling", "fit_calibrator", "fit_calibrators", "require_method"]
