"""Scores collections of photos that are too large for one process, with many processes; stopped work can resume."""
