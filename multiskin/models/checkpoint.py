"""Checkpoint files: read with care, and written whole or not at all."""

import os
from pathlib import Path
from typing import Any, BinaryIO

import torch

from multiskin.errors import UserError
from multiskin.models.pretrained import read_pretrained
from multiskin.run import whole

REMEDY = "give a .ckpt file of a run"
CLOSE_ERROR = "unexpected pos"  # torch's message when it closes an archive that it could not write


def read_checkpoint(path: Path, remedy: str = REMEDY) -> dict[str, Any]:
    """The content of a run's checkpoint, or of a folder for the hub, on the CPU.

    Args:
        path: the file or folder.
        remedy: what to do where a file cannot be read.

    Raises:
        UserError: no such file, or not one of multiskin's.
    """
    if path.is_dir():
        return read_pretrained(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"checkpoint {path}: {error.strerror or error}; {remedy}") from error
    except Exception as error:  # on other files torch's unpickler raises nearly every kind there is
        raise UserError(f"checkpoint {path}: not readable ({type(error).__name__}); {remedy}") from error
    if not isinstance(content, dict) or not {"blueprint", "preprocessing", "state_dict"} <= content.keys():
        raise UserError(f"checkpoint {path}: not one of multiskin's; {remedy}")
    return content


def write_checkpoint(content: dict[str, Any], path: Path) -> None:
    """Writes next to the path and then moves: if the run is killed or the disk is full, the earlier checkpoint stays.

    Raises:
        OSError: no space, or no permission to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as part, part.open("wb") as file:
        _save(content, file)
        file.flush()
        os.fsync(file.fileno())


def _save(content: dict[str, Any], file: BinaryIO) -> None:
    """Raises what stopped torch: it then closes its archive, fails at that too, and would report only that."""
    try:
        torch.save(content, file)
    except RuntimeError as error:
        raise (CLOSE_ERROR in str(error) and error.__context__) or error from None
