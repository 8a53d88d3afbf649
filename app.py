"""The demo, for those who start applications by file: `python app.py [MODEL] [options]` is `multiskin demo`."""

import sys

from multiskin.cli import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]]))
