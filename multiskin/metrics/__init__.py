"""Metrics of grades and probabilities: functions of confusion matrices, bootstrap intervals, calibration errors."""
