"""The base class of layouts, which the importer works with."""

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from multiskin.data.adapters.irregularities import Tell
from multiskin.data.adapters.mapping import CellReader
from multiskin.data.crops import Box
from multiskin.data.validation import SPELLINGS


class Record(NamedTuple):
    """The content of a label file, or of a row of it, about one picture or one part of it.

    Attributes:
        picture: the key of the picture (see `Layout.picture`).
        unit: distinguishes several rows of one picture; "" if there is only one.
        box: the part of the picture that the row is about; None for all of it.
        grades: the given grades, by heading.
        facts: the other known facts, by heading.
    """

    picture: str
    unit: str
    box: Box | None
    grades: dict[str, str]
    facts: dict[str, str]


class Layout(ABC):
    """A way of organising photos and labels in folders.

    Attributes:
        title: its name in messages.
        texts: the stem of the files with its default schema and mapping.
        labels: the suffixes of label files; those of pictures if a picture's folder is its label.
        parts: whether a row is about a part of a picture.
    """

    title: str
    texts: str
    labels: tuple[str, ...] = (".json",)
    parts = False

    def schema_text(self, root: Path) -> str:
        """The default schema.yaml for the labels in a folder.

        Raises:
            UserError: the folder does not have this layout.
        """
        return self._text("schema")

    def mapping_text(self) -> str:
        """The default mapping.yaml."""
        return self._text("mapping")

    def _text(self, what: str) -> str:
        return (Path(__file__).parent / f"{self.texts}.{what}.yaml").read_text(encoding="utf-8")

    def picture(self, path: PurePosixPath) -> str:
        """A key that all paths of one picture share."""
        return composed(path.stem)

    def side(self, path: PurePosixPath) -> str:
        """The side of the split that a label's folders are named after; "" if there is none."""
        return side_of(path.parts[:-1])

    @abstractmethod
    def records(self, root: Path, path: PurePosixPath, reader: CellReader, tell: Tell) -> Iterator[Record]:
        """The records of a label file.

        Raises:
            LeftOutError: the file cannot be used.
            OSError: the file cannot be read.
        """


def composed(name: str) -> str:
    """A normalised name, since macOS decomposes Korean syllables and Windows ignores case."""
    return unicodedata.normalize("NFC", name).casefold()


def side_of(folders: Iterable[str]) -> str:
    """The side of the split that one of these folders is named after; "" if there is none."""
    return next((SPELLINGS[composed(name)] for name in folders if composed(name) in SPELLINGS), "")


def lettered(name: str) -> str:
    """The letters and digits of a name, since folder names vary in spaces and punctuation."""
    return "".join(filter(str.isalnum, composed(name)))
