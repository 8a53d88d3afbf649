"""mapping.yaml, which users edit: the fields of label files that grades and facts are read from."""

from collections.abc import Container, Iterable
from collections.abc import Mapping as Map
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from multiskin.data.adapters.irregularities import NO_GRADE, Tell
from multiskin.data.adapters.source import Document, NotReadError, Source, listed, text_of
from multiskin.data.table import shown
from multiskin.data.validation import grade_spellings, numeral
from multiskin.documents import read_document
from multiskin.errors import UserError, require_known, unknown
from multiskin.schema import Attribute, Schema

PART, SUBJECT = "part", "subject"  # headings of labels.csv


@dataclass(frozen=True)
class Mapping:
    """Where to find the cells of a row in a label file.

    Attributes:
        attributes: the sources of each attribute's grade, by its name; the first one with a value is used.
        groups: the sources of groups such as sex and age, by their headings.
        subject: the source of the subject.
        part: the source of the part that a label is about.
        whole: the parts that need no box.
        folders: the attributes that folders are named after, by the names of the folders.
    """

    attributes: Map[str, tuple[Source, ...]]
    groups: Map[str, Source]
    subject: Source | None
    part: Source | None
    whole: tuple[str, ...]
    folders: Map[str, str]

    @classmethod
    def load(cls, path: Path, schema: Schema) -> "Mapping":
        """Reads the file.

        Raises:
            UserError: not a mapping, or it does not fit the schema.
        """
        return cls.from_dict(read_document(path, "mapping"), schema, f"mapping {path}")

    @classmethod
    def from_dict(cls, content: Any, schema: Schema, where: str) -> "Mapping":
        if not isinstance(content, dict) or not isinstance(content.get("attributes"), dict):
            raise UserError(f"{where}: give a mapping with 'attributes', and for each one the fields with its grade")
        require_known(content, [each.name for each in fields(cls)], where)
        for key in ("groups", "folders"):
            if not isinstance(content.get(key) or {}, dict):
                raise UserError(f"{where}: {key} is {content[key]!r}; give a mapping")
        for name in content["attributes"]:
            if name not in schema.names:
                raise unknown("attribute", name, schema.names, f"{where}: attributes")
        folders = {str(folder): str(name) for folder, name in (content.get("folders") or {}).items()}
        for name in folders.values():
            if name not in schema.names:
                raise unknown("attribute", name, schema.names, f"{where}: folders")
        groups = (content.get("groups") or {}).items()
        made = cls(
            {attribute.name: _sources(content["attributes"], attribute, where) for attribute in schema},
            {str(name): Source.from_dict(entry, f"{where}: groups: {name}") for name, entry in groups},
            _source(content, SUBJECT, where),
            _source(content, PART, where),
            tuple(map(text_of, listed(content, "whole", where))),
            folders,
        )
        made._check_parts(where)
        return made

    def _check_parts(self, where: str) -> None:
        """Makes sure that the named parts are among those that the mapping defines, if it defines any."""
        known = list(self.part.values.values()) if self.part is not None else []
        named = [part for sources in self.attributes.values() for source in sources for part in source.parts]
        for part in [*self.whole, *named]:
            if known and part not in known:
                raise unknown("part", part, known, where)


def _source(content: Map[str, Any], key: str, where: str) -> Source | None:
    return None if content.get(key) is None else Source.from_dict(content[key], f"{where}: {key}")


def _sources(entries: Map[str, Any], attribute: Attribute, where: str) -> tuple[Source, ...]:
    where = f"{where}: attributes: {attribute.name}"
    entry = entries.get(attribute.name)
    if not entry:
        raise UserError(f"{where}: no field; give one with its grade, or remove the attribute from the schema")
    sources = tuple(Source.from_dict(each, where) for each in (entry if isinstance(entry, list) else [entry]))
    for source in sources:
        if source.bins and len(source.bins) + 1 != attribute.grades:
            wanted = f"give {attribute.grades - 1}, or change 'grades' in the schema"
            raise UserError(f"{where}: {source.field}: {len(source.bins)} bins for {attribute.grades} grades; {wanted}")
    return sources


def _first_grade(
    sources: Iterable[Source], document: Document, spellings: Container[str]
) -> tuple[str, NotReadError | None]:
    """The first valid grade of the sources, "" if there is none, and the first value that could not be used."""
    bad: NotReadError | None = None
    for source in sources:
        try:
            grade = numeral(source.read(document))
        except NotReadError as error:
            bad = bad or error
            continue
        if grade in spellings:
            return grade, bad
        if grade:
            bad = bad or NotReadError(NO_GRADE, f"{source.field} is {shown(grade)}")
    return "", bad


class CellReader:
    """Reads the cells of a row from a label file with a mapping."""

    def __init__(self, mapping: Mapping, schema: Schema) -> None:
        self.mapping = mapping
        self._attributes = [
            (attribute.heading, mapping.attributes[attribute.name], grade_spellings(attribute)) for attribute in schema
        ]
        named = {SUBJECT: mapping.subject, PART: mapping.part}
        self._facts = {heading: source for heading, source in named.items() if source is not None}
        self._facts |= mapping.groups
        self.folders = {folder: schema[name].heading for folder, name in mapping.folders.items()}

    @property
    def headings(self) -> list[str]:
        """The headings of the cells: facts, then grades."""
        return [*self._facts, *(heading for heading, _, _ in self._attributes)]

    def grades(self, document: Document, part: str, tell: Tell) -> dict[str, str]:
        """The valid grades of a label file, by heading; reports attributes with invalid ones only."""
        found: dict[str, str] = {}
        for heading, sources, spellings in self._attributes:
            of_part = [source for source in sources if not source.parts or part in source.parts]
            grade, bad = _first_grade(of_part, document, spellings)
            if grade:
                found[heading] = grade
            elif bad is not None:
                tell(bad.kind, bad.detail)
        return found

    def facts(self, document: Document, tell: Tell) -> dict[str, str]:
        """The other known facts, by heading."""
        found = {}
        for heading, source in self._facts.items():
            try:
                if fact := source.read(document):
                    found[heading] = fact
            except NotReadError as bad:
                tell(bad.kind, bad.detail)
        return found
