"""Checkpoint files, read without running code from them and written atomically."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch

from multiskin.errors import UserError
from multiskin.models.pretrained import read_pretrained
from multiskin.run import atomic_path

REMEDY = "give a .ckpt file of a run"
CLOSE_ERROR = "unexpected pos"  # in torch's message when it closes an archive after a failed write


def read_checkpoint(path: Path, remedy: str = REMEDY) -> dict[str, Any]:
    """Reads a checkpoint file, or a folder in the Hugging Face Hub's format, onto the CPU.

    Args:
        path: the file or folder.
        remedy: what the error message suggests if the file cannot be read.

    Raises:
        UserError: no such file, or not a checkpoint of multiskin.
    """
    if path.is_dir():
        return read_pretrained(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"checkpoint {path}: {error.strerror or error}; {remedy}") from error
    except Exception as error:  # torch's unpickler raises nearly any kind of error
        raise UserError(f"checkpoint {path}: not readable ({type(error).__name__}); {remedy}") from error
    if not isinstance(content, dict) or not {"blueprint", "preprocessing", "state_dict"} <= content.keys():
        raise UserError(f"checkpoint {path}: not a checkpoint of multiskin; {remedy}")
    return content


@contextmanager
def intact(path: Path | str) -> Iterator[None]:
    """A context in which a checkpoint's content is used; turns the errors of invalid content into one that names it.

    Raises:
        UserError: the content is invalid.
    """
    try:
        yield
    except (UserError, LookupError, TypeError, ValueError, AttributeError, RuntimeError, ArithmeticError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"checkpoint {path}: damaged, or of another version ({reason}); {REMEDY}") from error


def write_checkpoint(content: dict[str, Any], path: Path) -> None:
    """Writes a checkpoint atomically: if the process is killed or the disk is full, the previous file remains.

    Raises:
        OSError: no space, or no permission to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as part, part.open("wb") as file:
        _save(content, file)
        file.flush()
        os.fsync(file.fileno())


def _save(content: dict[str, Any], file: BinaryIO) -> None:
    """Saves, raising the original error of a failed write; torch reports that of closing its archive instead."""
    try:
        torch.save(content, file)
    except RuntimeError as error:
        raise (CLOSE_ERROR in str(error) and error.__context__) or error from None
