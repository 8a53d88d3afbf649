"""Compares one shared model with single-attribute models, or variants of a study: runs, statistics and cost."""
