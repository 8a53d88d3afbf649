"""How sure a head's probabilities are, brought to what validation photos justify; whatever loss they come from."""

from multiskin.calibration.calibrator import Calibrator
from multiskin.calibration.fitting import METHODS, fit_calibrator, fit_calibrators

__all__ = ["METHODS", "Calibrator", "fit_calibrator", "fit_calibrators"]
