"""One folder per class, as in torchvision's ImageFolder: photos are in a folder named after their class."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from multiskin.data.adapters.irregularities import OTHER_LAYOUT, LeftOutError, Tell
from multiskin.data.adapters.layout import Layout, Record, side_of
from multiskin.data.adapters.mapping import CellReader
from multiskin.data.first_config import schema_text
from multiskin.data.images import SUFFIXES
from multiskin.errors import UserError
from multiskin.schema import Attribute, Schema

LABEL = "label"  # name of the attribute, which the user may change


class ImageFolder(Layout):
    title = "one folder per class"
    texts = "image_folder"
    labels = SUFFIXES

    def schema_text(self, root: Path) -> str:
        folders = list(_folders(root))
        sides = [folder for folder in folders if side_of([folder.name])]
        classes = sorted({each.name for side in sides for each in _folders(side)} or {each.name for each in folders})
        if len(classes) < 2:
            found = f"one folder, {classes[0]}" if classes else "no folder"
            raise UserError(f"{root}: {found}; put the photos of two or more classes in one folder per class")
        return schema_text(Schema((Attribute(LABEL, len(classes), "nominal", grade_names=tuple(classes)),)))

    def picture(self, path: PurePosixPath) -> str:
        return path.as_posix()

    def side(self, path: PurePosixPath) -> str:
        return side_of(path.parts[:1]) if len(path.parts) > 2 else ""

    def records(self, root: Path, path: PurePosixPath, reader: CellReader, tell: Tell) -> Iterator[Record]:
        folders = path.parts[1:-1] if self.side(path) else path.parts[:-1]
        if not folders:
            raise LeftOutError(OTHER_LAYOUT, "not in the folder of a class")
        document = {"folder": folders[0], "file": {"stem": path.stem, "pieces": path.stem.split("_")}}
        yield Record(self.picture(path), "", None, reader.grades(document, "", tell), reader.facts(document, tell))


def _folders(root: Path) -> Iterator[Path]:
    """The subfolders that contain pictures, at any depth."""
    folders = (path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    return (path for path in folders if any(file.suffix.lower() in SUFFIXES for file in path.rglob("*")))
