"""Uploaded photos that have not been scored yet; each belongs to one session and is deleted soon."""

import asyncio
import secrets
import shutil
import tempfile
import weakref
from pathlib import Path, PurePath
from typing import NamedTuple

from multiskin.data.images import SUFFIXES
from multiskin.serve.refusals import busy, not_found

LIFETIME = 600.0  # seconds until an unscored photo is deleted
MOST_EACH = 20  # waiting photos per session
MOST = 500  # waiting photos in total
UPLOADS_EACH, UPLOADS = 5, 100  # waiting bytes per session and in total, in uploads of maximum size


class Waiting(NamedTuple):
    """A waiting file: its session, and its size in bytes."""

    session: str
    size: int


class Inbox:
    """A temporary folder of uploaded files that only this user can read; deleted at exit.

    Gradio's own names files by their content, so that two people who upload the same photo would share one file, which
    either could read and delete.

    Args:
        largest: maximum bytes of an upload.
    """

    def __init__(self, largest: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="multiskin-")).resolve()  # 0700
        self._largest = largest
        self._waiting: dict[str, Waiting] = {}  # by path
        self.close = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)  # also called at exit

    def place(self, session: str, name: str, size: int) -> Path:
        """Reserves a path for a file of this session with so many bytes.

        Raises:
            Refusal: too many files or bytes are waiting.
        """
        self._forget_the_gone()
        waiting = list(self._waiting.values())
        own = [file for file in waiting if file.session == session]
        for files, most, uploads in ((waiting, MOST, UPLOADS), (own, MOST_EACH, UPLOADS_EACH)):
            if len(files) >= most or size + sum(file.size for file in files) > uploads * self._largest:
                raise busy()
        path = self.folder / secrets.token_hex(16) / f"photo{_safe_suffix(name)}"
        path.parent.mkdir(mode=0o700)
        self._waiting[str(path)] = Waiting(session, size)
        asyncio.get_running_loop().call_later(LIFETIME, self._discard, path)
        return path

    def require(self, session: str, path: str) -> None:
        """Makes sure that a path is exactly that of a waiting file of this session.

        Raises:
            Refusal: the file belongs to another session, or is not in the inbox.
        """
        file = self._waiting.get(path)
        if file is None or file.session != session:
            raise not_found()

    def _forget_the_gone(self) -> None:
        """Drops the entries of files that have been deleted, with their folders, on being scored."""
        for path in [path for path in self._waiting if not Path(path).parent.exists()]:
            self._discard(Path(path))

    def _discard(self, path: Path) -> None:
        self._waiting.pop(str(path), None)
        shutil.rmtree(path.parent, ignore_errors=True)


def _safe_suffix(name: str) -> str:
    """The extension, by which browsers show the file as a picture; nothing else of the client's file name is kept."""
    suffix = PurePath(name).suffix.lower()
    return suffix if suffix in SUFFIXES else ""
