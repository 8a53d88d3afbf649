"""Renders graded skin conditions, each with a mask, from a seed: the data of the embedded default."""
