"""The network: a backbone of timm and one head an attribute, in plain PyTorch."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """For whoever imports a package only if it is there, it is not; unless it has been imported before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # by which the language says so
    try:
        yield
    finally:
        del sys.modules[name]


with _absent("wandb"):  # timm's own scripts log to it; it costs whoever scores one photo most of a second
    import timm  # noqa: F401
