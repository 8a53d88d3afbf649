"""The network: a timm backbone and one head per attribute, in plain PyTorch."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hidden_from_imports(name: str) -> Iterator[None]:
    """Hides a package from code that imports it only if it is installed, unless it is already imported."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # makes an import raise ModuleNotFoundError
    try:
        yield
    finally:
        del sys.modules[name]


with _hidden_from_imports("wandb"):  # used only by timm's scripts, and importing it takes most of a second
    import timm  # noqa: F401
