"""Photos that the page has sent and nobody has scored yet: each is its session's alone, and soon gone."""

import asyncio
import secrets
import shutil
import tempfile
import weakref
from pathlib import Path, PurePath

from multiskin.data.images import SUFFIXES
from multiskin.serve.refusals import busy, not_found

LIFETIME = 600.0  # seconds that a photo waits to be scored
MOST_EACH = 20  # photos of one session that wait
MOST = 500  # photos that wait


class Inbox:
    """A folder of uploaded files that only this process can read, and that goes with it.

    Gradio's own would put the same photo of two people into one file, so that each could read and delete the other's.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="multiskin-")).resolve()  # 0700
        self._owners: dict[str, str] = {}  # path -> session
        self.close = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)  # at the latest at exit

    def place(self, session: str, name: str) -> Path:
        """Where a file of this session is to be written.

        Raises:
            Refusal: too many wait.
        """
        self._forget_the_gone()
        owners = list(self._owners.values())
        if len(owners) >= MOST or owners.count(session) >= MOST_EACH:
            raise busy()
        path = self.folder / secrets.token_hex(16) / f"photo{_safe_suffix(name)}"
        path.parent.mkdir(mode=0o700)
        self._owners[str(path)] = session
        asyncio.get_running_loop().call_later(LIFETIME, self._discard, path)
        return path

    def require(self, session: str, path: str) -> None:
        """Makes sure that a path, exactly as it was given out, is of a file of this session.

        Raises:
            Refusal: of another's, of none, or any other path.
        """
        if self._owners.get(path) != session:
            raise not_found()

    def _forget_the_gone(self) -> None:
        """Whoever scores a photo deletes its file, and then the folder that it was in."""
        for path in [path for path in self._owners if not Path(path).parent.exists()]:
            self._discard(Path(path))

    def _discard(self, path: Path) -> None:
        self._owners.pop(str(path), None)
        shutil.rmtree(path.parent, ignore_errors=True)


def _safe_suffix(name: str) -> str:
    """By which browsers show it as a picture; of a stranger's name for a file nothing else is kept."""
    suffix = PurePath(name).suffix.lower()
    return suffix if suffix in SUFFIXES else ""
