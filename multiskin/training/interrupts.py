"""Makes Ctrl-C and SIGTERM end a run as KeyboardInterrupt, whatever Lightning does with them."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """Raises KeyboardInterrupt for whatever Lightning makes of an interrupt, such as SystemExit or a failed clean-up.

    Raises:
        KeyboardInterrupt: the run was interrupted.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, SystemExit) or any(isinstance(each, KeyboardInterrupt) for each in _contexts(error)):
            raise KeyboardInterrupt from error
        raise


def _contexts(error: BaseException | None) -> Iterator[BaseException]:
    """An error, the one that was being handled when it was raised, and so on."""
    while error is not None:
        yield error
        error = error.__context__
