"""Conformal prediction: sets of grades that contain the true one with a chosen coverage."""
