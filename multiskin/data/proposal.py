"""Proposes a schema and a config for a user's table, and asks the user what the table does not show.

The rules for each column, in this order (`columns.Column.role`):

1. More than half of its values end like image files: the photos. If there is no such column: values that exist as
   files.
2. Nothing but train, val, test and their spellings: the split.
3. A telling heading: groups (sex, age, skin tone), subject (patient_id), part (facepart), or not a grade (id, date,
   fold).
4. A few whole numbers from 0 to 10, or words with a known order (mild, moderate, severe): an ordinal attribute.
5. A few different texts: classes. The user is asked whether to predict them; the default is yes only if no column is
   ordinal.
6. Anything else is ignored, and the config says why.

The user is asked for the number of grades if it is not clear: if a wider scale is at least as common among the other
attributes, if the numbers start neither at 0 nor at 1, or if there are only two grades, which may not be an attribute.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from multiskin.config import Columns, DataConfig
from multiskin.data.columns import Column, Role, Scale, numbers, scale_label, words
from multiskin.data.table import read_cells
from multiskin.data.validation import photo_path
from multiskin.errors import UserError
from multiskin.schema import RESERVED, Attribute, Kind, Schema

Ask = Callable[[str, Sequence[str], str], str]  # (question, choices, default) -> one of the choices
NONE = "(none)"
PREDICT, IGNORE = "predict", "ignore"
SAMPLE = 20  # photos to look for per column


@dataclass(frozen=True)
class Proposal:
    """The result of `propose`, ready for `first_config.write`."""

    schema: Schema
    data: DataConfig
    ignored: dict[str, str]  # the reason for each column of data.columns.ignore
    photos_found: bool


def propose(table: str | Path, ask: Ask) -> Proposal:
    """Proposes what each column is from its heading and values; calls `ask` where only the user can know.

    Raises:
        UserError: a table that cannot be read or is empty, or that has no photos or nothing to grade.
    """
    path = Path(table)
    frame = read_cells(path)
    if frame.empty:
        raise UserError(f"{path}: no row below the headings; give one for each photo")
    columns = [Column.read(str(heading), cells) for heading, cells in frame.items()]
    image, root = _photos(columns, path, ask)
    rest = [column for column in columns if column is not image]
    roles = _roles(image, rest, ask)
    rest = [column for column in rest if column.heading not in (roles.split, roles.subject, roles.part, *roles.groups)]
    attributes = _attributes(rest, ask)
    if not attributes:
        raise UserError(
            f"{path}: nothing to grade among {_headings(columns)}; add a column of whole numbers from 0 (blank where "
            "no grade was given), of words such as none, mild, moderate, severe, or of a few classes"
        )
    graded = {attribute.heading for attribute in attributes}
    ignored = {column.heading: _why_ignored(column) for column in rest if column.heading not in graded}
    roles.ignore = list(ignored)
    folder = root or path.parent
    manifest = Path(os.path.relpath(path, folder)).as_posix()
    data = DataConfig(root=folder.as_posix(), manifest=manifest, columns=roles)
    return Proposal(Schema(tuple(attributes)), data, ignored, photos_found=root is not None)


def _photos(columns: list[Column], table: Path, ask: Ask) -> tuple[Column, Path | None]:
    """The column of photos and the folder that its paths are relative to; None if no photo is found."""
    named = _with_role("image", columns)
    candidates = named or [column for column in columns if _root(column, table)]
    heading = _pick("the path of the photo", candidates, ask, optional=False)
    if heading is None:
        raise UserError(
            f"{table}: no column of photos among {_headings(columns)}; "
            "add one with each photo's path, such as photos/0001.jpg, relative to the table's folder"
        )
    image = next(column for column in candidates if column.heading == heading)
    return image, _root(image, table)


def _root(column: Column, table: Path) -> Path | None:
    """The folder in which most of a sample of paths exist: that of the table, a subfolder, or the parent folder."""
    sample = sorted(column.values)[:SAMPLE]

    def found(folder: Path) -> int:
        return sum(os.path.isfile(photo_path(folder, value)) for value in sample)  # never raises, unlike Path.is_file

    folders = [table.parent, *sorted(table.parent.glob("*/")), Path(os.path.normpath(table.parent / ".."))]
    best = max(folders, key=found)
    return best if found(best) else None


def _roles(image: Column, rest: list[Column], ask: Ask) -> Columns:
    return Columns(
        image=image.heading,
        split=_pick("the split into train, val and test", _with_role("split", rest), ask),
        subject=_subject(rest, ask),
        part=_pick("the part of the face or body", _with_role("part", rest), ask),
        groups=[column.heading for column in _with_role("group", rest)],
    )


def _with_role(role: Role, columns: list[Column]) -> list[Column]:
    return [column for column in columns if column.role == role]


def _pick(what: str, candidates: list[Column], ask: Ask, optional: bool = True) -> str | None:
    """The heading of the only candidate, or of the one that `ask` chooses; the first is the default."""
    headings = [column.heading for column in candidates]
    if len(headings) < 2:
        return headings[0] if headings else None
    answer = ask(f"Which column is {what}?", headings + [NONE] * optional, headings[0])
    return None if answer == NONE else answer


def _subject(columns: list[Column], ask: Ask) -> str | None:
    """The column of subjects; of several ids, such as person and lesion, that with the fewest values is the default."""
    named = sorted(_with_role("subject", columns), key=lambda column: len(column.values))
    if named:
        return _pick("the person photographed", named, ask)
    for column in columns:
        if column.maybe_subject:
            question = f"Does {column.heading!r} say whose photo it is? Photos of a person then stay on one side."
            return column.heading if ask(question, ["yes", "no"], "yes") == "yes" else None
    return None


def _attributes(columns: list[Column], ask: Ask) -> list[Attribute]:
    """One attribute per graded column, in the order of the table."""
    scales = _scales(_with_role("ordinal", columns), ask)
    classes = _classes(_with_role("nominal", columns), ask, default=IGNORE if scales else PREDICT)
    stems = {_identifier(column.heading) for column in columns}
    attributes: dict[str, Attribute] = {}
    for column in columns:
        heading, name = column.heading, _name(column.heading, attributes, stems)
        if heading in scales:
            attributes[name] = _attribute(name, heading, scales[heading], "ordinal")
        elif heading in classes:
            attributes[name] = _attribute(name, heading, classes[heading], "nominal")
    return list(attributes.values())


def _scales(columns: list[Column], ask: Ask) -> dict[str, Scale]:
    """The scale of each column, by heading, without columns to ignore."""
    uses = Counter(column.scales[0] for column in columns)
    chosen = {}
    for column in columns:
        own = column.scales
        wider = [scale for scale in uses if column.values <= set(scale) and uses[scale] >= uses[own[0]]]
        choices = {scale_label(scale): scale for scale in own + wider}
        default = max(choices, key=lambda label: uses[choices[label]])
        if len(own[0]) == 2:
            choices[IGNORE] = ()
            default = IGNORE if max(map(len, uses)) > 2 else default
        found = ", ".join(value for value in own[-1] if value in column.values)
        question = f"Which grades can {column.heading!r} have? The table has {found}."
        answer = ask(question, list(choices), default) if len(choices) > 1 else default
        chosen[column.heading] = choices[answer]
    return {heading: scale for heading, scale in chosen.items() if scale}


def _classes(columns: list[Column], ask: Ask, default: str) -> dict[str, Scale]:
    """The classes of each column to predict, by heading."""
    chosen = {}
    for column in columns:
        names = tuple(sorted(column.values))
        question = f"{column.heading!r} holds classes without an order ({', '.join(names)}). Predict or ignore them?"
        if ask(question, [PREDICT, IGNORE], default) == PREDICT:
            chosen[column.heading] = names
    return chosen


def _attribute(name: str, heading: str, scale: Scale, kind: Kind) -> Attribute:
    korean, title = re.search("[가-힣]", heading), words(heading)
    return Attribute(
        name=name,
        grades=len(scale),
        kind=kind,
        display={"en": "", "ko": heading} if korean else {"en": title[:1].upper() + title[1:], "ko": ""},
        grade_names=() if scale == numbers(0, len(scale) - 1) else scale,
        column="" if name == heading else heading,
    )


def _name(heading: str, taken: Container[str], stems: Container[str]) -> str:
    """A valid attribute name: not reserved, not taken, and not that of another one's column of predictions."""
    name = _identifier(heading)
    names = chain((name, f"{name}_grade"), (f"{name}_{number}" for number in count(2)))
    return next(name for name in names if name not in RESERVED and name not in taken and _stem(name) not in stems)


def _identifier(heading: str) -> str:
    """The heading with letters, digits and underscores only, not beginning with a digit."""
    name = re.sub(r"\W+", "_", heading).strip("_")
    return name if re.match(r"[^\W\d]", name) else f"attribute_{name}".strip("_")


def _stem(name: str) -> str | None:
    """The attribute that would have a column of this name in tables of predictions; None if none could."""
    found = re.fullmatch(r"(.+)_(true|score|low|high|set|p\d+)", name)
    return None if found is None else found[1]


def _why_ignored(column: Column) -> str:
    graded = {"ordinal": "grades, not predicted", "nominal": "classes, not predicted"}
    return column.why_other if column.role == "other" else graded.get(column.role, "not chosen")


def _headings(columns: list[Column]) -> str:
    return ", ".join(repr(column.heading) for column in columns)
