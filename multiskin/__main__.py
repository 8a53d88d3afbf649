"""`python -m multiskin` is the same as `multiskin`."""

import sys

from multiskin.cli import main

if __name__ == "__main__":  # processes that are started afresh import this file as well
    sys.exit(main())
