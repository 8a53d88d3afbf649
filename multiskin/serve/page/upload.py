"""Reads uploaded files, which are deleted at once."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def take(sent: Mapping[str, str]) -> tuple[str, bytes]:
    """Reads an uploaded file and deletes it together with its folder.

    Gradio's own preprocessing is not used, since it opens every format that Pillow can decode.

    Args:
        sent: Gradio's description of the file; the guard has checked that its `path` belongs to the session.

    Returns:
        The file's name and bytes.

    Raises:
        OSError: the file has been deleted already.
    """
    file = Path(sent["path"])
    try:
        return file.name, file.read_bytes()
    finally:
        file.unlink(missing_ok=True)
        with suppress(OSError):  # the folder is gone, or not empty
            file.parent.rmdir()
