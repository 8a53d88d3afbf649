"""What a layout has to define, so that one importer works for all."""

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
    """What one label file, or one row of it, says of one picture, or of one part of it.

    Attributes:
        picture: what `Layout.picture` makes of the picture's path.
        unit: which of several rows of one picture; "" where there is one only.
        box: the part of the picture that the row is about; None for all of it.
        grades: by heading, those given.
        facts: by heading, those known.
    """

    picture: str
    unit: str
    box: Box | None
    grades: dict[str, str]
    facts: dict[str, str]


class Layout(ABC):
    """One way in which photos and labels lie in folders.

    Attributes:
        title: its name in messages.
        texts: the stem of the files of its first schema and mapping.
        labels: the suffixes of label files; those of pictures, where a picture's place is its label.
        parts: whether a row is about a part of a picture.
    """

    title: str
    texts: str
    labels: tuple[str, ...] = (".json",)
    parts = False

    def schema_text(self, root: Path) -> str:
        """A first schema.yaml for the labels below a folder.

        Raises:
            UserError: nothing of this layout is there.
        """
        return self._text("schema")

    def mapping_text(self) -> str:
        """A first mapping.yaml."""
        return self._text("mapping")

    def _text(self, what: str) -> str:
        return (Path(__file__).parent / f"{self.texts}.{what}.yaml").read_text(encoding="utf-8")

    def picture(self, path: PurePosixPath) -> str:
        """The key that all names of one picture share."""
        return composed(path.stem)

    def side(self, path: PurePosixPath) -> str:
        """The side of the split that a label lies on, by its folders; "" where none says so."""
        return side_of(path.parts[:-1])

    @abstractmethod
    def records(self, root: Path, path: PurePosixPath, reader: CellReader, tell: Tell) -> Iterator[Record]:
        """What a label file says.

        Raises:
            LeftOutError: nothing that can be used.
            OSError: it cannot be read.
        """


def composed(name: str) -> str:
    """A name in one form: a Mac writes Korean syllables in pieces, and Windows minds no capitals."""
    return unicodedata.normalize("NFC", name).casefold()


def side_of(folders: Iterable[str]) -> str:
    """The side of the split that one of these folders is called; "" where none is."""
    return next((SPELLINGS[composed(name)] for name in folders if composed(name) in SPELLINGS), "")


def lettered(name: str) -> str:
    """Only the letters and digits of a name, since people write folders with and without spaces and signs."""
    return "".join(filter(str.isalnum, composed(name)))
