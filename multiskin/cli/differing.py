"""The command that compares two runs."""

from pathlib import Path

from multiskin.cli.parsers import Parser, summary
from multiskin.cli.photos import SIDES
from multiskin.cli.terminal import console
from multiskin.errors import unknown

NAME = "multiskin difference"
HOW = """
Both runs are evaluated on the photos that they have in common, paired by photo. If true grades differ between the runs,
for example after corrections, a warning says so, and those of the second run are used, or with --grades first those of
the first. The command writes difference.csv, difference_photos.csv (all predictions that changed), difference.md and
difference.html."""


def difference(arguments: list[str]) -> None:
    """Compare a second run with a first: which is better, with what confidence, and which predictions changed."""
    options = _parser().parse_args(arguments)
    from multiskin.reports.difference import Difference, write_difference
    from multiskin.reports.difference_table import print_difference
    from multiskin.reports.paired import JUDGES, PairedRuns
    from multiskin.run import RunFolder

    for option, known in (("side", SIDES), ("grades", JUDGES)):
        if getattr(options, option) not in known:
            raise unknown("value", getattr(options, option), known, f"--{option}")
    first, second = RunFolder.open(options.first), RunFolder.open(options.second)
    paired = PairedRuns.of(first, second, options.side, options.grades)
    result = Difference.between(first, second, options.side, paired)
    out = second.root if options.out is None else options.out
    out.mkdir(parents=True, exist_ok=True)
    page = write_difference(result, out)
    print_difference(result, console())
    print(f"report: {page}")


def _parser() -> Parser:
    parser = Parser(NAME, description=f"{summary(difference)}\n{HOW}")
    parser.add_argument("first", help="the run folder of the baseline")
    parser.add_argument("second", help="the run folder to compare with it")
    parser.add_argument("--side", default="test", help="which photos: test or val; default: test")
    parser.add_argument(
        "--grades", default="second", help="the run whose true grades are used: second or first; default: second"
    )
    parser.add_argument("--out", type=Path, help="a folder for the results; default: the second run's folder")
    return parser
