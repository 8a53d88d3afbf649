"""The network: a timm backbone and one head per attribute, in plain PyTorch."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """Hides a package from code that imports it only if it is installed, unless it has been imported before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # how Python marks a module as absent
    try:
        yield
    finally:
        del sys.modules[name]


with _absent("wandb"):  # only timm's own scripts log to it; importing it would delay one photo's score by most of 1 s
    import timm  # noqa: F401
