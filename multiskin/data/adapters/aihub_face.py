"""AI Hub 71645, Korean facial skin condition: one JSON file per part of a face in a photo, with the part's box."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from multiskin.data.adapters.documents import read_json
from multiskin.data.adapters.irregularities import (
    BAD_BOX,
    CLIPPED,
    NO_BOX,
    OTHER_LAYOUT,
    REVERSED,
    UNKNOWN_PART,
    LeftOutError,
    Tell,
)
from multiskin.data.adapters.layout import Layout, Record, composed
from multiskin.data.adapters.mapping import PART, CellReader
from multiskin.data.crops import CORNERS, Box


class AIHubFace(Layout):
    title = "AI Hub 71645 (facial skin)"
    texts = "aihub_face"
    parts = True

    def picture(self, path: PurePosixPath) -> str:
        return composed(path.name)

    def records(self, root: Path, path: PurePosixPath, reader: CellReader, tell: Tell) -> Iterator[Record]:
        document = read_json(root / path, tell)
        name = _mapping_in(document, "info").get("filename")
        if not isinstance(name, str) or not name.strip():
            raise LeftOutError(OTHER_LAYOUT, f"no info.filename, which {self.title} has")
        picture = self.picture(PurePosixPath(name.strip().replace("\\", "/")))
        facts = reader.facts(document, tell)
        part = facts.get(PART, "")
        if not part:
            raise LeftOutError(UNKNOWN_PART, f"of {name.strip()}")
        images = _mapping_in(document, "images")
        if images.get("bbox") is None and part not in reader.mapping.whole:
            raise LeftOutError(NO_BOX, f"of {part}")
        box = _box(images, tell)
        yield Record(picture, part, box, reader.grades(document, part, tell), facts)


def _mapping_in(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    content = document.get(key)
    return content if isinstance(content, dict) else {}


def _box(images: Mapping[str, Any], tell: Tell) -> Box | None:
    """The box with its corners in order, clipped to the picture."""
    given = images.get("bbox")
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != CORNERS or not all(map(_is_number, given)):
        raise LeftOutError(BAD_BOX, f"{given}: not four numbers")
    x0, y0, x1, y1 = map(round, given)
    box = Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    if box != (x0, y0, x1, y1):
        tell(REVERSED, str(given))
    height, width = (_side(images.get(key), otherwise=max(box)) for key in ("height", "width"))
    inside = box.within(height, width)
    if inside is None:
        raise LeftOutError(BAD_BOX, f"{given} on {width} x {height} pixels")
    if inside != box:
        tell(CLIPPED, f"{given} on {width} x {height} pixels")
    return inside


def _side(given: Any, otherwise: int) -> int:
    """A picture's height or width according to the label."""
    return round(given) if _is_number(given) and given > 0 else otherwise


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
