"""Starts the demo from a file: `python app.py [MODEL] [options]` is the same as `multiskin demo`."""

import sys

from multiskin.cli import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]]))
