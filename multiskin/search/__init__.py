"""Bayesian search over the settings of a run: where it searches, what it remembers, and the trials it trains."""
