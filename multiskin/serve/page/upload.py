"""Photographs on their way in: the page hands over a file, and it is gone once it is read."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def take(sent: Mapping[str, str]) -> tuple[str, bytes]:
    """The name and bytes of an uploaded file, which is deleted, and with it the folder that was made for it.

    Args:
        sent: what Gradio says of the file, `path` among it, which the guard found to be of who sends it. Gradio's own
            way to read it opens whatever Pillow has a decoder for.

    Raises:
        OSError: it is gone already.
    """
    file = Path(sent["path"])
    try:
        return file.name, file.read_bytes()
    finally:
        file.unlink(missing_ok=True)
        with suppress(OSError):  # another file of that folder is on its way in
            file.parent.rmdir()
