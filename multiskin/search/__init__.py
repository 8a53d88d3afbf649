"""Bayesian hyperparameter search: the search space, the sweep and its storage, and the training of trials."""
