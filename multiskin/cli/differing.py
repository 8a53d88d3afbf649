"""The command that compares a second run with a first."""

from pathlib import Path

from multiskin.cli.parsers import Parser, summary
from multiskin.cli.photos import SIDES
from multiskin.cli.terminal import console
from multiskin.errors import unknown

NAME = "multiskin difference"
HOW = """
Both are judged on the photos that both were measured on, paired by photo. Where true grades differ, as after a
correction, a warning says so, and those of the second run count, or with --grades first those of the first. It writes
difference.csv, difference_photos.csv (every answer that changed), difference.md and difference.html."""


def difference(arguments: list[str]) -> None:
    """Compare a second run with a first: which is better, how sure that is, and which photos changed."""
    options = _parser().parse_args(arguments)
    from multiskin.reports.difference import Difference, write_difference
    from multiskin.reports.difference_table import print_difference
    from multiskin.reports.paired import JUDGES, PairedRuns
    from multiskin.run import RunFolder

    for option, known in (("side", SIDES), ("grades", JUDGES)):
        if getattr(options, option) not in known:
            raise unknown("word", getattr(options, option), known, f"--{option}")
    first, second = RunFolder.open(options.first), RunFolder.open(options.second)
    paired = PairedRuns.of(first, second, options.side, options.grades)
    found = Difference.between(first, second, options.side, paired)
    out = second.root if options.out is None else options.out
    out.mkdir(parents=True, exist_ok=True)
    page = write_difference(found, out)
    print_difference(found, console())
    print(f"report: {page}")


def _parser() -> Parser:
    parser = Parser(NAME, description=f"{summary(difference)}\n{HOW}")
    parser.add_argument("first", help="the run folder to compare with")
    parser.add_argument("second", help="the run folder that is compared with it")
    parser.add_argument("--side", default="test", help="the photos: test or val; default: test")
    parser.add_argument(
        "--grades", default="second", help="whose true grades both are judged by: second or first; default: second"
    )
    parser.add_argument("--out", type=Path, help="a folder for the results; default: that of the second run")
    return parser
