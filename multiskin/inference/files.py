"""Which photos are meant by files, folders and tables of paths."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from multiskin.data.images import SUFFIXES
from multiskin.errors import UserError, unknown


def find_photos(inputs: Sequence[str | Path], column: str = "image") -> list[Path]:
    """The photos meant, in order: a file is itself, a folder all pictures below it, a table the paths in its column.

    Raises:
        UserError: nothing there, a table without the column, or no photo at all.
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
    else:
        yield from _listed(path, column)


def _listed(path: Path, column: str) -> Iterator[Path]:
    """The photos of a table; a file that is not a table is a photo, whatever its name ends in."""
    from multiskin.data.table import READERS, read_table  # pandas, which takes longer to import than photos to grade
    from multiskin.data.validation import photo_path

    if path.suffix.lower() in READERS:
        cells = read_table(path).cells
        if column not in cells:
            raise unknown("column", column, cells.columns, str(path))
        yield from (photo_path(path.parent, cell) for cell in cells[column] if cell)
    elif path.exists():
        yield path
    else:
        raise UserError(f"{path}: nothing there; give pictures, folders or tables")
