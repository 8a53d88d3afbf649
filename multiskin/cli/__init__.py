"""The command line: parses, calls the library, and turns a user's mistake into one message and exit status 2.

Imports stay inside the commands, so that help appears at once.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from traceback import walk_tb
from typing import NoReturn

from multiskin import __version__
from multiskin.cli.allocator import collect_rarely, keep_freed_memory
from multiskin.cli.benching import bench_data, bench_train
from multiskin.cli.calibrating import calibrate
from multiskin.cli.comparing import compare, study
from multiskin.cli.conforming import conform
from multiskin.cli.data import data_check, data_import, data_init, data_render, data_stats
from multiskin.cli.differing import difference
from multiskin.cli.explaining import explain
from multiskin.cli.exporting import export
from multiskin.cli.measuring import errors, predict, report, test, validate
from multiskin.cli.parsers import Parser, summary
from multiskin.cli.serving import demo
from multiskin.cli.suspecting import suspects
from multiskin.cli.sweeping import sweep
from multiskin.cli.training import fit
from multiskin.errors import UserError, unknown

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
WANT = "most likely for lack of memory; lower num_workers"
GO_ON = {  # commands that take long keep what is finished
    "fit": "; the same command with --ckpt_path last resumes it",
    "compare": "; the same command resumes it",
    "study": "; the same command resumes it",
    "sweep": "; the same command resumes it",
    "suspects": "; the same command resumes it",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0 done, 2 something to fix, 130 interrupted, 143 terminated."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    go_on = GO_ON.get(arguments[0], "") if arguments else ""
    with _sigterm_interrupts() as terminated:
        try:
            _run(arguments)
        except UserError as error:
            return _end(2, f"error: {_words(error)}")
        except BrokenPipeError:  # whoever reads our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or closing it would fail again
        except OSError as error:
            if _is_of_a_lost_worker(error):
                return _end(2, f"error: DataLoader worker is gone ({error.strerror}), {WANT}{go_on}")
            place = f"{error.filename}: " if error.filename else ""
            remedy = "; make room or choose another place" if error.errno in UNWRITABLE else ""
            return _end(2, f"error: {place}{error.strerror or error}{remedy}{go_on}")
        except (KeyboardInterrupt, EOFError, RuntimeError) as error:
            if terminated:  # SLURM also stops the processes that read photos, which torch turns into an error
                return _end(143, f"terminated{go_on}")
            if not isinstance(error, RuntimeError):
                return _end(130, f"interrupted{go_on}")
            lost = _of_a_lost_worker(error)
            if lost is None:
                raise
            found = str(lost).strip().splitlines()[0].rstrip(". ")
            return _end(2, f"error: {found}, {WANT}{go_on}")
    return 0


def _of_a_lost_worker(error: BaseException | None) -> BaseException | None:
    """Torch's error about a lost process that read photos, if that caused this error; else None.

    A signal raises it in the middle of anything, which may cause a further error.
    """
    while error is not None and not str(error).startswith("DataLoader worker"):
        error = error.__cause__ or error.__context__
    return error


def _is_of_a_lost_worker(error: OSError) -> bool:
    """Whether a process that read photos was lost while handing them over, which torch may not notice."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    loading = any(frame.f_globals.get("__name__") == "torch.utils.data.dataloader" for frame in frames)
    return loading and isinstance(error, ConnectionResetError)


def _end(status: int, words: str) -> int:
    print(f"multiskin: {words}", file=sys.stderr)
    return status


@contextmanager
def _sigterm_interrupts() -> Iterator[list[int]]:
    """SIGTERM, which docker and SLURM send, ends a command as Ctrl-C does; the list holds it from then on."""
    received: list[int] = []

    def interrupt(number: int, _: object) -> NoReturn:
        received.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before)


def _words(error: UserError) -> str:
    """The message alone: an error from a process that reads photos arrives after that process's traceback."""
    _, traceback, rest = str(error).partition("Original Traceback")
    return rest.strip().splitlines()[-1].partition(": ")[2] if traceback else str(error)


def _run(arguments: list[str]) -> None:
    keep_freed_memory()
    collect_rarely()
    for words in (2, 1):
        name = " ".join(arguments[:words])
        if name in COMMANDS:
            return COMMANDS[name](arguments[words:])
    parser = Parser("multiskin", usage="multiskin COMMAND [options]", description=_overview())
    parser.add_argument("--version", action="version", version=f"multiskin {__version__}")
    if not arguments or arguments[0].startswith("-"):
        parser.parse_args(arguments or ["--help"])
    raise unknown("command", " ".join(arguments[:2] if arguments[0] in ("data", "bench") else arguments[:1]), COMMANDS)


def _overview() -> str:
    lines = [f"  {name:<13}{summary(command)}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "Grade several ordered skin attributes from one photograph with one network.",
            "\ncommands:",
            *lines,
            "\n'multiskin COMMAND --help' lists a command's options. multiskin is not a medical device.",
        ]
    )


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "fit": fit,
    "validate": validate,
    "test": test,
    "report": report,
    "calibrate": calibrate,
    "conform": conform,
    "predict": predict,
    "export": export,
    "explain": explain,
    "demo": demo,
    "errors": errors,
    "difference": difference,
    "compare": compare,
    "study": study,
    "sweep": sweep,
    "suspects": suspects,
    "data init": data_init,
    "data import": data_import,
    "data check": data_check,
    "data stats": data_stats,
    "data render": data_render,
    "bench data": bench_data,
    "bench train": bench_train,
}
