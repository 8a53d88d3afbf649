"""Bayesian search over the settings of a run: where it looks, what it remembers, and the trials it trains."""
