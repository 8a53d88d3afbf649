"""`python -m multiskin` is the same as `multiskin`."""

import sys

from multiskin.cli import main

sys.exit(main())
