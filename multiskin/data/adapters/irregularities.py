"""The kinds of irregularities in label files, with what an import does about each."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TextIO

from multiskin.run import atomic_path

LEFT_OUT, BLANKED, MENDED, NOTED = "left out", "left blank", "mended", "noted"


class Kind(NamedTuple):
    """A kind of irregularity.

    Attributes:
        outcome: the consequence: a row is LEFT_OUT or a cell is BLANKED; MENDED and NOTED lose nothing.
        reason: a description.
    """

    outcome: str
    reason: str


UNREADABLE = Kind(LEFT_OUT, "cannot be read")
BAD_NAME = Kind(LEFT_OUT, "file name is not UTF-8")
BAD_TEXT = Kind(LEFT_OUT, "neither UTF-8 nor CP949")
NOT_JSON = Kind(LEFT_OUT, "no whole JSON")
OTHER_LAYOUT = Kind(LEFT_OUT, "not of this layout")
UNKNOWN_PART = Kind(LEFT_OUT, "unknown part")
NO_BOX = Kind(LEFT_OUT, "no box")
BAD_BOX = Kind(LEFT_OUT, "box without area, or outside the picture")
NO_PICTURE = Kind(LEFT_OUT, "picture missing")
NO_LABEL = Kind(LEFT_OUT, "picture without a label")
UNLIKE_PICTURES = Kind(LEFT_OUT, "different pictures of one name")
DISAGREEING = Kind(LEFT_OUT, "labels of one picture disagree")
AGAIN = Kind(LEFT_OUT, "the same picture and label again")
UNGRADED = Kind(LEFT_OUT, "nothing graded")

NO_NUMBER = Kind(BLANKED, "not a number")
NO_GRADE = Kind(BLANKED, "not a grade of the schema")
NOT_MAPPED = Kind(BLANKED, "value that the mapping does not have")
FACTS_DISAGREE = Kind(BLANKED, "what is known of one picture disagrees")

WITH_BOM = Kind(MENDED, "UTF-8 with a byte order mark")
CP949 = Kind(MENDED, "read as CP949")
REVERSED = Kind(MENDED, "box with its corners reversed")
CLIPPED = Kind(MENDED, "box cut off at the picture's edge")

FOLDER_DIFFERS = Kind(NOTED, "folder and label disagree, the label counts")
STRANGE_FOLDER = Kind(NOTED, "folder that the mapping does not have")

Tell = Callable[[Kind, str], None]  # reports an irregularity of the current file: its kind, and details


class LeftOutError(Exception):
    """Raised by a layout for a label that cannot be used."""

    def __init__(self, kind: Kind, detail: str = "") -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


@dataclass
class Report:
    """Writes every irregularity as a row of a CSV file.

    Attributes:
        counts: the number of irregularities of each kind.
        first: the file and details of the first irregularity of each kind.
    """

    file: TextIO
    counts: dict[Kind, int] = field(default_factory=dict)
    first: dict[Kind, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lines = csv.writer(self.file)
        self._lines.writerow(["file", "outcome", "reason", "detail"])

    @classmethod
    @contextmanager
    def written(cls, path: Path) -> Iterator["Report"]:
        """A report whose file replaces `path` when it is complete."""
        with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="") as file:
            yield cls(file)

    def add(self, file: str, kind: Kind, detail: str = "") -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.first.setdefault(kind, (file, detail))
        self._lines.writerow([file, *kind, detail])

    def lines(self) -> list[str]:
        """Each kind with its count and first case, those that are left out first."""
        order = (LEFT_OUT, BLANKED, MENDED, NOTED)
        kinds = sorted(self.counts, key=lambda kind: (order.index(kind.outcome), -self.counts[kind]))
        return [self._line(kind) for kind in kinds]

    def _line(self, kind: Kind) -> str:
        file, detail = self.first[kind]
        example = f"{file}: {detail}" if detail else file
        return f"{self.counts[kind]:>8}  {kind.outcome}: {kind.reason} (first: {example})"
