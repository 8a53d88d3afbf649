"""Lists the photos of a collection."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from multiskin.errors import UserError
from multiskin.inference.files import find_photos

LINES = ".txt"


def list_photos(inputs: Sequence[str], column: str) -> list[Path]:
    """The photos that `find_photos` finds, and the paths in .txt files, one per line, relative to the file.

    Raises:
        UserError: as `find_photos`, or a .txt file that is empty or cannot be read.
    """
    lists = [Path(name) for name in inputs if Path(name).suffix.lower() == LINES]
    others = [name for name in inputs if Path(name).suffix.lower() != LINES]
    listed = [photo for path in lists for photo in _lines(path)]
    if lists and not (listed or others):
        raise UserError(f"{lists[0]}: no path in it; give one per line")
    return listed + (find_photos(others, column) if others else [])


def _lines(path: Path) -> Iterator[Path]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from (path.parent / line.rstrip("\n") for line in file if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); give paths in UTF-8, one per line") from error
