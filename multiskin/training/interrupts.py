"""Ctrl-C and SIGTERM on their way through Lightning."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """Lets them interrupt a run, where Lightning exits with some other status, or stumbles while it cleans up.

    Raises:
        KeyboardInterrupt: the run was stopped.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, SystemExit) or any(isinstance(each, KeyboardInterrupt) for each in _contexts(error)):
            raise KeyboardInterrupt from error
        raise


def _contexts(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what was being handled when it came, and so on."""
    while error is not None:
        yield error
        error = error.__context__
