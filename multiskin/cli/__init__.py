"""The command line: parses arguments, calls the library, and reports a user error as one message with exit status 2.

Commands import what they need when they run, so that help appears at once.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from multiprocessing.util import Finalize
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
from multiskin.cli.settings import values_of
from multiskin.cli.suspecting import suspects
from multiskin.cli.sweeping import sweep
from multiskin.cli.training import fit
from multiskin.errors import UserError, unknown

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
GROUPS = ("data", "bench")  # the first words of commands of two words
WORKER_REMEDY = "most likely for lack of memory; lower num_workers"
RESUMABLE = ("fit", "compare", "study", "sweep", "suspects")  # the long commands, which keep finished work


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0 success, 2 user error, 130 interrupted, 143 terminated."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    resume = _resume_hint(arguments)
    with _stops_recorded() as stops, _outputs_open():
        try:
            _run(arguments)
        except UserError as error:
            return _end(2, f"error: {_message(error)}")
        except BrokenPipeError:  # the reader of our output has closed it, such as head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else closing it would fail again
        except OSError as error:
            if _is_lost_connection_to_worker(error):
                if stops:
                    return _end_stopped(stops, resume)
                return _end(2, f"error: DataLoader worker is gone ({error.strerror}), {WORKER_REMEDY}{resume}")
            place = f"{error.filename}: " if error.filename else ""
            remedy = "; free some space or choose another place" if error.errno in UNWRITABLE else ""
            return _end(2, f"error: {place}{error.strerror or error}{remedy}{resume}")
        except (KeyboardInterrupt, EOFError, RuntimeError) as error:
            if stops or not isinstance(error, RuntimeError):  # stopped along with us, workers are no lost ones
                return _end_stopped(stops, resume)
            shortage = _memory_shortage(error, resume)
            if shortage is None:
                raise
            return _end(2, f"error: {shortage}")
    return 0


def _resume_hint(arguments: Sequence[str]) -> str:
    """How a command that keeps finished work is resumed, to be added to a message; "" for other commands."""
    if not arguments or arguments[0] not in RESUMABLE:
        return ""
    resumes = arguments[0] != "fit" or "last" in values_of("--ckpt_path", arguments)
    return f"; the same command{'' if resumes else ' with --ckpt_path last'} resumes it"


def _memory_shortage(error: RuntimeError, resume: str) -> str | None:
    """The message for an error that lack of memory caused, on the GPU or in a DataLoader worker; None for others."""
    if type(error).__name__ == "OutOfMemoryError":  # torch's, which is not imported here
        return f"{str(error).partition('.')[0]}; lower the batch size"
    lost = _lost_worker_error(error)
    return None if lost is None else f"{str(lost).strip().splitlines()[0].rstrip('. ')}, {WORKER_REMEDY}{resume}"


def _lost_worker_error(error: BaseException | None) -> BaseException | None:
    """Torch's error about a DataLoader worker that died, if it is this error or its cause; else None.

    Torch raises it from a signal handler, so it may interrupt any code and cause another error there.
    """
    while error is not None and not str(error).startswith("DataLoader worker"):
        error = error.__cause__ or error.__context__
    return error


def _is_lost_connection_to_worker(error: OSError) -> bool:
    """Whether a DataLoader worker died while sending photos, which torch may report as a connection error only."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    loading = any(frame.f_globals.get("__name__") == "torch.utils.data.dataloader" for frame in frames)
    return loading and isinstance(error, ConnectionResetError)


def _end(status: int, message: str) -> int:
    print(f"multiskin: {message}", file=sys.stderr)
    return status


def _end_stopped(stops: Sequence[int], resume: str) -> int:
    if "torch" in sys.modules and hasattr(signal, "SIGCHLD"):
        # A worker that got the same signal may end only while Python exits, and torch's handler would report it as lost
        Finalize(None, signal.signal, args=(signal.SIGCHLD, signal.SIG_DFL), exitpriority=100)
    return _end(143, f"terminated{resume}") if signal.SIGTERM in stops else _end(130, f"interrupted{resume}")


@contextmanager
def _stops_recorded() -> Iterator[list[int]]:
    """Makes SIGTERM, which docker and SLURM send, end a command as Ctrl-C does; the list then contains the signals.

    They are recorded because Python ignores an exception that a signal raises in a destructor or at a fork. An
    interrupt that the shell has switched off, as for commands in the background, stays off.
    """
    received: list[int] = []

    def interrupt(number: int, _: object) -> NoReturn:
        received.append(number)
        raise KeyboardInterrupt

    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    before = {
        number: signal.signal(number, interrupt)
        for number in (signal.SIGTERM, *([signal.SIGINT] if interruptible else []))
    }
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _outputs_open() -> Iterator[None]:
    """Discards what is printed to an output that the shell has closed, as with >&-, and that Python then lacks."""
    with (
        open(os.devnull, "w") as nowhere,
        redirect_stdout(sys.stdout or nowhere),
        redirect_stderr(sys.stderr or nowhere),
    ):
        yield


def _message(error: UserError) -> str:
    """The message alone: torch prepends a DataLoader worker's traceback to an error raised there."""
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
    own = arguments[1:] if arguments and arguments[0] in GROUPS else arguments
    if not arguments or (own and own[0].startswith("-")):
        parser.parse_args(own or ["--help"])
    raise unknown("command", " ".join(arguments[:2] if arguments[0] in GROUPS else arguments[:1]), COMMANDS)


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
