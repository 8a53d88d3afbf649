"""One folder per class, as in ImageFolder: photos lie in a folder named after their class."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from multiskin.data.adapters.irregularities import OTHER_LAYOUT, LeftOutError, Tell
from multiskin.data.adapters.layout import Layout, Record, side_of
from multiskin.data.adapters.mapping import CellReader
from multiskin.data.first_config import schema_text
from multiskin.data.images import SUFFIXES
from multiskin.errors import UserError
from multiskin.schema import Attribute, Schema

LABEL = "label"  # what is graded, until its owner gives it a name


class ImageFolder(Layout):
    title = "a folder a class"
    texts = "image_folder"
    labels = SUFFIXES

    def schema_text(self, root: Path) -> str:
        folders = list(_folders(root))
        sides = [folder for folder in folders if side_of([folder.name])]
        classes = sorted({each.name for side in sides for each in _folders(side)} or {each.name for each in folders})
        if len(classes) < 2:
            found = f"one folder, {classes[0]}" if classes else "no folder"
            raise UserError(f"{root}: {found}; photos lie in a folder a class, and there are two classes or more")
        return schema_text(Schema((Attribute(LABEL, len(classes), "nominal", grade_names=tuple(classes)),)))

    def picture(self, path: PurePosixPath) -> str:
        return path.as_posix()

    def side(self, path: PurePosixPath) -> str:
        return side_of(path.parts[:1]) if len(path.parts) > 2 else ""

    def records(self, root: Path, path: PurePosixPath, reader: CellReader, tell: Tell) -> Iterator[Record]:
        folders = path.parts[1:-1] if self.side(path) else path.parts[:-1]
        if not folders:
            raise LeftOutError(OTHER_LAYOUT, "in no folder of a class")
        document = {"folder": folders[0], "file": {"stem": path.stem, "pieces": path.stem.split("_")}}
        yield Record(self.picture(path), "", None, reader.grades(document, "", tell), reader.facts(document, tell))


def _folders(root: Path) -> Iterator[Path]:
    """The folders with a picture below them."""
    folders = (path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    return (path for path in folders if any(file.suffix.lower() in SUFFIXES for file in path.rglob("*")))
