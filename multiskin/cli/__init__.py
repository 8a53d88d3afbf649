"""The command line: parses, calls the library, and turns a user's mistake into one message and exit status 2.

Imports stay inside the commands, so that help comes at once.
"""

import os
import sys
from collections.abc import Callable, Sequence

from multiskin import __version__
from multiskin.cli.data import data_check, data_init, data_render
from multiskin.cli.measuring import predict, report, test, validate
from multiskin.cli.parsers import Parser, summary
from multiskin.cli.training import fit
from multiskin.errors import UserError, unknown


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0 done, 2 a mistake to mend, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        _run(arguments)
    except UserError as error:
        print(f"multiskin: error: {_words(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or closing it would fail again
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"multiskin: error: {place}{error.strerror or error}; make room or choose another place", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, EOFError):
        print("multiskin: interrupted", file=sys.stderr)
        return 130
    return 0


def _words(error: UserError) -> str:
    """The message alone: an error from a process that reads photos arrives with that process's traceback before it."""
    _, traceback, rest = str(error).partition("Original Traceback")
    return rest.strip().splitlines()[-1].partition(": ")[2] if traceback else str(error)


def _run(arguments: list[str]) -> None:
    for words in (2, 1):
        name = " ".join(arguments[:words])
        if name in COMMANDS:
            return COMMANDS[name](arguments[words:])
    parser = Parser("multiskin", usage="multiskin COMMAND [options]", description=_overview())
    parser.add_argument("--version", action="version", version=f"multiskin {__version__}")
    if not arguments or arguments[0].startswith("-"):
        parser.parse_args(arguments or ["--help"])
    raise unknown("command", " ".join(arguments[:2] if arguments[0] == "data" else arguments[:1]), COMMANDS)


def _overview() -> str:
    lines = [f"  {name:<13}{summary(command)}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "Grade several ordered skin attributes from one photograph with one network.",
            "\ncommands:",
            *lines,
            "\n'multiskin COMMAND --help' tells a command's options. multiskin is no medical device.",
        ]
    )


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "fit": fit,
    "validate": validate,
    "test": test,
    "report": report,
    "predict": predict,
    "data init": data_init,
    "data check": data_check,
    "data render": data_render,
}
