"""multiskin: one network grades several ordered skin attributes from one photograph."""

__version__ = "0.1.0"
