"""Warnings, progress and questions on the terminal."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from multiskin.conformal.prediction import ConformalSets


def warn(problems: Iterable[object]) -> None:
    """Prints problems that need not stop a command, in the first process only."""
    from multiskin.run import first_process

    for problem in problems if first_process() else ():
        print(f"multiskin: warning: {problem}", file=sys.stderr)


def warn_of_sets(sets: "ConformalSets | None", option: str, fitted: str) -> None:
    """Warns that an option removes a model's sets of grades, if any, since they were fitted without it."""
    if sets is not None:
        warn([f"{option}: no sets of grades are given, since their coverage was fitted {fitted}"])


def console() -> "Console":
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)  # rich would use 80 columns for a file


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on the terminal, removed when done; nothing if stderr is not a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def status_printer(work: int) -> Callable[[str, int], None]:
    """A function that prints the status of one of many runs, with the share of all work done and the time left."""
    from multiskin.training.callbacks import TimeLeft

    time_left: TimeLeft | None = None

    def print_status(what: str, done: int) -> None:
        nonlocal time_left
        if time_left is None:  # work done by the first call was done by an earlier command
            time_left = TimeLeft()
            time_left.begin(done)
        print(f"{what}  ({done / work:.0%} of all, left {time_left(done, work)})", flush=True)

    return print_status


def ask(question: str, choices: Sequence[str], default: str) -> str:
    from rich.prompt import IntPrompt

    print(question)
    for number, choice in enumerate(choices, start=1):
        print(f"  {number}  {choice}")
    numbers = [str(number) for number in range(1, len(choices) + 1)]
    default_number = choices.index(default) + 1
    return choices[IntPrompt.ask("number", choices=numbers, default=default_number, show_choices=False) - 1]


def take_default(question: str, choices: Sequence[str], default: str) -> str:  # noqa: ARG001
    print(f"{question} {default}", file=sys.stderr)
    return default
