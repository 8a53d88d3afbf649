"""Photos that the page has sent and nobody has scored yet: each is its session's alone, and soon gone."""

import asyncio
import secrets
import shutil
import tempfile
import weakref
from pathlib import Path, PurePath
from typing import NamedTuple

from multiskin.data.images import SUFFIXES
from multiskin.serve.refusals import busy, not_found

LIFETIME = 600.0  # seconds that a photo waits to be scored
MOST_EACH = 20  # photos of one session that wait
MOST = 500  # photos that wait
UPLOADS_EACH, UPLOADS = 5, 100  # likewise in bytes: as many as these largest uploads have


class Waiting(NamedTuple):
    """A file that waits: whose it is, and its bytes."""

    session: str
    size: int


class Inbox:
    """A folder of uploaded files that only this process can read, and that goes with it.

    Gradio's own would put the same photo of two people into one file, so that each could read and delete the other's.

    Args:
        largest: bytes of an upload.
    """

    def __init__(self, largest: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="multiskin-")).resolve()  # 0700
        self._largest = largest
        self._waiting: dict[str, Waiting] = {}  # by path
        self.close = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)  # at the latest at exit

    def place(self, session: str, name: str, size: int) -> Path:
        """Where a file of this session is to be written, of so many bytes.

        Raises:
            Refusal: too many wait, or too many bytes.
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
        """Makes sure that a path, exactly as it was given out, is of a file of this session.

        Raises:
            Refusal: of another's, of none, or any other path.
        """
        file = self._waiting.get(path)
        if file is None or file.session != session:
            raise not_found()

    def _forget_the_gone(self) -> None:
        """Whoever scores a photo deletes its file, and then the folder that it was in."""
        for path in [path for path in self._waiting if not Path(path).parent.exists()]:
            self._discard(Path(path))

    def _discard(self, path: Path) -> None:
        self._waiting.pop(str(path), None)
        shutil.rmtree(path.parent, ignore_errors=True)


def _safe_suffix(name: str) -> str:
    """By which browsers show it as a picture; of a stranger's name for a file nothing else is kept."""
    suffix = PurePath(name).suffix.lower()
    return suffix if suffix in SUFFIXES else ""
