"""The embedded default: graded conditions drawn on skin, each with a mask of where it is, all from a seed."""
