"""Explains a network: a map for every head, measures of how far maps can be trusted, and labels that look wrong."""
