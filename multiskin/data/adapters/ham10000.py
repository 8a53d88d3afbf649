"""HAM10000: a table of diagnoses, several photos per lesion, in two folders."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from multiskin.data.adapters.documents import read_rows
from multiskin.data.adapters.irregularities import OTHER_LAYOUT, Kind, LeftOutError, Tell
from multiskin.data.adapters.layout import Layout, Record, composed
from multiskin.data.adapters.mapping import CellReader

IMAGE = "image_id"  # the column that names the picture


class HAM10000(Layout):
    title = "HAM10000"
    texts = "ham10000"
    labels = (".csv",)

    def side(self, path: PurePosixPath) -> str:
        return ""

    def records(self, root: Path, path: PurePosixPath, reader: CellReader, tell: Tell) -> Iterator[Record]:
        for line, row in read_rows(root / path, tell):
            if IMAGE not in row:
                raise LeftOutError(OTHER_LAYOUT, f"no column {IMAGE}, which {self.title} has")

            def tell_line(kind: Kind, detail: str, line: int = line) -> None:
                tell(kind, f"line {line}: {detail}")

            facts = reader.facts(row, tell_line)
            yield Record(composed(row[IMAGE].strip()), "", None, reader.grades(row, "", tell_line), facts)
