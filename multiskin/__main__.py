"""Runs the command line: `python -m multiskin` is the same as `multiskin`."""

import sys

from multiskin.cli import main

if __name__ == "__main__":  # spawned processes import this file, too
    sys.exit(main())
