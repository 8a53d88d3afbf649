"""Finds the photos in files, folders, and tables and lists of paths."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from multiskin.data.images import SUFFIXES
from multiskin.errors import UserError, unknown

LINES = ".txt"  # a list of photos


def find_photos(inputs: Sequence[str | Path], column: str = "image") -> list[Path]:
    """The photos, in order: files themselves, all pictures in folders and below, and the paths in tables and lists.

    Args:
        inputs: files, folders, tables, and .txt files with one path per line; paths are relative to their file.
        column: the tables' column of paths.

    Raises:
        UserError: a path that does not exist, a table that is malformed or without the column, an unreadable list, or
            no photo at all.
    """
    photos = [photo for name in inputs for photo in _photos_of(Path(name), column)]
    if not photos:
        raise UserError(f"no picture in {', '.join(map(str, inputs))}; pictures end in {', '.join(SUFFIXES)}")
    return photos


def _photos_of(path: Path, column: str) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
    elif path.suffix.lower() in SUFFIXES and path.exists():
        yield path
    elif path.suffix.lower() == LINES and path.exists():
        yield from _lines(path)
    else:
        yield from _listed(path, column)


def _lines(path: Path) -> Iterator[Path]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from (path.parent / line.rstrip("\n") for line in file if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); give paths in UTF-8, one per line") from error


def _listed(path: Path, column: str) -> Iterator[Path]:
    """The photos of a table; a file that is not a table is taken for a photo, whatever its suffix."""
    from multiskin.data.table import READERS, read_cells  # pandas takes longer to import than a few photos to grade
    from multiskin.data.validation import photo_path

    if path.suffix.lower() in READERS:
        cells = read_cells(path)
        if column not in cells:
            raise unknown("column", column, cells.columns, str(path))
        yield from (photo_path(path.parent, cell) for cell in cells[column] if cell)
    elif path.exists():
        yield path
    else:
        raise UserError(f"{path}: does not exist; give pictures, folders or tables")
