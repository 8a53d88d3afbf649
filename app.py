"""Starts the demo: `python app.py [MODEL] [options]` is equivalent to `multiskin demo [MODEL] [options]`."""

import sys

from multiskin.cli import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]]))
