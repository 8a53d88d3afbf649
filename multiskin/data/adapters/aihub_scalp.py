"""AI Hub 216, scalp images by type: one JSON file per photo with six grades, in folders named after one of these."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from multiskin.data.adapters.documents import read_json
from multiskin.data.adapters.irregularities import FOLDER_DIFFERS, OTHER_LAYOUT, STRANGE_FOLDER, LeftOutError, Tell
from multiskin.data.adapters.layout import Layout, Record, composed, lettered
from multiskin.data.adapters.mapping import CellReader

META = "_meta"  # suffix of the stem of files that describe the person
FOLDER = re.compile(r"(?:\[[^]]*\])?\s*(?P<condition>.+?)[\s_]*(?P<grade>\d)\s*\.[^/]*")


class AIHubScalp(Layout):
    title = "AI Hub 216 (scalp)"
    texts = "aihub_scalp"

    def __init__(self) -> None:
        self._reported: set[str] = set()  # unknown folders, each of which is reported once

    def records(self, root: Path, path: PurePosixPath, reader: CellReader, tell: Tell) -> Iterator[Record]:
        document = read_json(root / path, tell)
        stem = composed(path.stem).removesuffix(META)
        document |= {"file": {"stem": stem, "pieces": stem.split("_")}}
        facts = reader.facts(document, tell)
        if composed(path.stem).endswith(META):
            yield Record(stem, "", None, {}, facts)
            return
        named = document.get("image_file_name")
        if isinstance(named, str) and composed(PurePosixPath(named.strip()).stem) != stem:
            raise LeftOutError(OTHER_LAYOUT, f"is the label of {named.strip()}, by its image_file_name")
        grades = reader.grades(document, "", tell)
        self._check_folder(path.parent, grades, reader, tell)
        yield Record(stem, "", None, grades, facts)

    def _check_folder(self, folder: PurePosixPath, grades: dict[str, str], reader: CellReader, tell: Tell) -> None:
        """Reports a folder whose name has another grade than the label, or is unknown."""
        found = FOLDER.fullmatch(composed(folder.name))
        if found is None:
            return
        headings = {lettered(name): heading for name, heading in reader.folders.items()}
        heading = headings.get(lettered(found["condition"]))
        if heading is None:
            if folder.name not in self._reported:
                self._reported.add(folder.name)
                tell(STRANGE_FOLDER, folder.name)
        elif grades.get(heading, found["grade"]) != found["grade"]:
            tell(FOLDER_DIFFERS, f"{folder.name}: {heading} is {grades[heading]}")
