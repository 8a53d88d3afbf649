"""Converts photos and labels in another layout to a table, a schema and a config, and reports what was left out."""

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from multiskin.config import Columns, DataConfig
from multiskin.data.adapters.irregularities import (
    AGAIN,
    DISAGREEING,
    FACTS_DISAGREE,
    NO_LABEL,
    NO_PICTURE,
    UNGRADED,
    UNLIKE_PICTURES,
    UNREADABLE,
    Kind,
    LeftOutError,
    Report,
)
from multiskin.data.adapters.layout import Layout
from multiskin.data.adapters.mapping import PART, SUBJECT, CellReader, Mapping
from multiskin.data.adapters.scratch import Found, Scratch
from multiskin.data.first_config import config_text
from multiskin.data.proposal import Proposal
from multiskin.data.validation import Progress
from multiskin.errors import UserError
from multiskin.run import atomic_path, write_atomically
from multiskin.schema import Schema

IMAGE, SPLIT = "image", "split"
BOX = ("x0", "y0", "x1", "y1")


@dataclass(frozen=True)
class Imported:
    """The result of an import.

    Attributes:
        table: path of labels.csv.
        rows: the number of its rows.
        report: path of report.csv, which lists every irregularity.
        config: path of config.yaml.
        found: one line per kind of irregularity.
    """

    table: Path
    rows: int
    report: Path
    config: Path
    found: list[str]


@dataclass(frozen=True)
class _Row:
    """A row of labels.csv."""

    image: str
    box: Sequence[int] | None
    side: str
    cells: dict[str, str]


def import_labels(layout: Layout, source: Path, out: Path, progress: Progress | None = None) -> Imported:
    """Writes labels.csv and report.csv, and schema.yaml, mapping.yaml and config.yaml unless they exist.

    No picture is decoded. Only pictures with equal file sizes are read, to find duplicates.

    Args:
        layout: the layout of the source.
        source: the folder of photos and labels, which is not changed.
        out: the folder to write to.
        progress: called with (label files read, label files) after each.

    Raises:
        UserError: no such folder, none that can be written, a schema or mapping that does not fit, or no usable row.
    """
    if not source.is_dir():
        raise UserError(f"{source}: no such folder; give the one with the photos and labels")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: no folder can be made here ({error.strerror}); name another one") from error
    schema, mapping = _rules(layout, source, out)
    reader = CellReader(mapping, schema)
    _require_distinct(reader.headings, layout)
    table, listed = out / "labels.csv", out / "report.csv"
    with Report.written(listed) as report, Scratch.opened(out) as scratch:
        scratch.scan(source, layout, out, report)
        _read(layout, source, reader, scratch, report, progress)
        scratch.identify(source)
        sides = scratch.sides()
        headings = [*(BOX if layout.parts else ()), *((SPLIT,) if sides != {""} else ()), *reader.headings]
        rows = _write(table, headings, _rows(scratch, report))
        for path in scratch.unlabelled():
            report.add(path, NO_LABEL)
    if not rows:
        lines = report.lines() or [f"it contains no label of {layout.title}"]
        raise UserError("\n".join([f"{source}: no row could be imported; {listed} lists every file", *lines]))
    config = out / "config.yaml"
    if not config.exists():
        proposal = _proposal(schema, source, table, sides, reader, layout.parts)
        write_atomically(config, config_text(proposal))
    return Imported(table, rows, listed, config, report.lines())


def _rules(layout: Layout, source: Path, out: Path) -> tuple[Schema, Mapping]:
    """The existing schema and mapping; writes the layout's own first if there are none."""
    schema, mapping = out / "schema.yaml", out / "mapping.yaml"
    if not schema.exists():
        write_atomically(schema, layout.schema_text(source))
    if not mapping.exists():
        write_atomically(mapping, layout.mapping_text())
    attributes = Schema.load(schema)
    return attributes, Mapping.load(mapping, attributes)


def _require_distinct(headings: Sequence[str], layout: Layout) -> None:
    """Makes sure that the table has no duplicate headings."""
    taken = [IMAGE, SPLIT, *(BOX if layout.parts else ())]
    for heading in headings:
        if heading in taken:
            raise UserError(f"mapping and schema: {heading!r} would be the heading of two columns; rename one")
        taken.append(heading)


def _read(
    layout: Layout, root: Path, reader: CellReader, scratch: Scratch, report: Report, progress: Progress | None
) -> None:
    """Stores the records of every label file."""
    files = scratch.count()
    with scratch.transaction():
        for done, path in enumerate(scratch.labels(), start=1):
            place = PurePosixPath(path)
            try:
                for record in layout.records(root, place, reader, partial(report.add, path)):
                    scratch.add(path, layout.side(place), record)
            except LeftOutError as reason:
                report.add(path, reason.kind, reason.detail)
            except OSError as error:
                report.add(path, UNREADABLE, error.strerror or str(error))
            if progress is not None:
                progress(done, files)


def _rows(scratch: Scratch, report: Report) -> Iterator[_Row]:
    """The rows of the table: one for each picture, or part of one, whose records can be used."""
    for found in scratch.rows():
        graded = [each for each in found if each.record.grades]
        if (why := _why_not(found, graded)) is not None:
            for each in graded or found:
                report.add(each.source, *why)
        else:
            yield _row(found, graded, report)


def _why_not(found: Sequence[Found], graded: Sequence[Found]) -> tuple[Kind, str] | None:
    """Why the records of a picture cannot be used; None if they can."""
    path = found[0].path
    if path is None:
        return NO_PICTURE, found[0].record.picture
    if not graded:
        return UNGRADED, path
    if any(each.pictures > 1 for each in graded):
        return UNLIKE_PICTURES, f"one of them is {path}"
    difference = _difference(graded)
    return (DISAGREEING, f"of {path}: {difference}") if difference else None


def _difference(graded: Sequence[Found]) -> str:
    """What the labels of a picture disagree about; "" if they agree."""
    first = graded[0]
    for other in graded[1:]:
        if first.record.box != other.record.box:
            return f"the box in {first.source} and {other.source}"
        for heading, grade in first.record.grades.items():
            again = other.record.grades.get(heading, grade)
            if grade != again:
                return f"{heading} is {grade} in {first.source} and {again} in {other.source}"
    return ""


def _row(found: Sequence[Found], graded: Sequence[Found], report: Report) -> _Row:
    """One row from records that agree; facts about the picture may come from any of them."""
    first, *others = graded
    for other in others:
        report.add(other.source, AGAIN, f"as in {first.source}")
    cells: dict[str, str] = {}
    disputed = set()
    for each in found:
        for heading, fact in each.record.facts.items():
            if cells.setdefault(heading, fact) != fact:
                disputed.add(heading)
    for heading in sorted(disputed):
        report.add(first.source, FACTS_DISAGREE, heading)
        del cells[heading]
    for each in graded:
        cells |= each.record.grades
    return _Row(str(first.path), first.record.box, first.side, cells)


def _write(path: Path, headings: Sequence[str], rows: Iterable[_Row]) -> int:
    """Writes the table and returns the number of its rows."""
    number = 0
    with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        lines = csv.DictWriter(file, [IMAGE, *headings], restval="", lineterminator="\n")
        lines.writeheader()
        for row in rows:
            box = {} if row.box is None else dict(zip(BOX, row.box, strict=True))
            side = {SPLIT: row.side} if SPLIT in headings else {}
            lines.writerow({IMAGE: row.image} | box | side | row.cells)
            number += 1
    return number


def _proposal(
    schema: Schema, source: Path, table: Path, sides: set[str], reader: CellReader, has_boxes: bool
) -> Proposal:
    """The proposal for a first config, with the roles of the table's columns."""
    mapping, split = reader.mapping, sides >= {"train", "val", "test"} and "" not in sides
    own = ", ".join(sorted(sides - {""}))
    ignored = {SPLIT: f"from the folders: {own}; set split to it to use it"} if own and not split else {}
    columns = Columns(
        image=IMAGE,
        box=list(BOX) if has_boxes else None,
        split=SPLIT if split else None,
        subject=SUBJECT if mapping.subject is not None else None,
        part=PART if mapping.part is not None else None,
        groups=list(mapping.groups),
        ignore=list(ignored),
    )
    manifest = Path(os.path.relpath(table.resolve(), source.resolve())).as_posix()
    return Proposal(schema, DataConfig(root=source.as_posix(), manifest=manifest, columns=columns), ignored, True)
