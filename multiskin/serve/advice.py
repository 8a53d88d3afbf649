"""Advice on skin care by grade, written by whoever runs the demo."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multiskin.documents import read_document
from multiskin.errors import UserError, unknown
from multiskin.schema import LANGUAGES, Attribute, Schema, Text
from multiskin.serve.texts import words

FORM = "{0-1: {en: Keep to what you do., ko: 지금처럼 관리하십시오.}}"


@dataclass(frozen=True)
class Advice:
    """Advice texts.

    Attributes:
        texts: for each attribute, one text per grade, by language; empty for grades without advice.
    """

    texts: Mapping[str, tuple[Text, ...]] = field(default_factory=dict)

    def of(self, name: str, grade: int, grades: int) -> Text:
        """The advice on a grade, by language; empty if there is none, or if it is for another number of grades.

        Args:
            name: the name of the attribute.
            grade: the grade.
            grades: the number of grades in the report, which may be of another model.
        """
        known = self.texts.get(name, ())
        return known[grade] if len(known) == grades else {}

    def on(self, report: Mapping[str, Any]) -> dict[str, Text]:
        """The advice on each attribute of a report; attributes without advice are left out.

        Args:
            report: plain containers, as in the API's answers.
        """
        said = {
            each["name"]: self.of(each["name"], each["grade"], len(each["probabilities"]))
            for each in report["attributes"]
            if each["applies"]
        }
        return {name: text for name, text in said.items() if text}

    def answer(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """The `advice` entry of an API answer, with a notice that it is not a diagnosis; empty without advice."""
        said = self.on(report)
        notice = {language: words(language)("advice.notice") for language in LANGUAGES}
        return {"advice": {"notice": notice, "attributes": said}} if said else {}


def read_advice(path: Path, schema: Schema) -> Advice:
    """Reads advice from a YAML file: `attribute: {grade: {en, ko}}`, with ranges such as 0-1 for several grades.

    Args:
        path: the file; attributes and grades that it leaves out get no advice.
        schema: the schema of the model; grades that have names are given by name.

    Raises:
        UserError: there is no such file, it has another structure, an attribute or grade is unknown or repeated, or a
            language is missing.
    """
    content = read_document(path, "--advice", "name a YAML file of advice")
    if not isinstance(content, dict):
        raise UserError(f"--advice {path}: give texts by attribute, such as {schema.names[0]}: {FORM}")
    for name in content:
        if name not in schema.names:
            raise unknown("attribute", name, schema.names, f"--advice {path}")
    return Advice({name: _texts(entry, schema[name], f"--advice {path}: {name}") for name, entry in content.items()})


def _texts(entry: Any, attribute: Attribute, where: str) -> tuple[Text, ...]:
    """One text per grade."""
    if not isinstance(entry, dict):
        raise UserError(f"{where}: {entry!r}; give texts by grade, such as {FORM}")
    texts: dict[int, Text] = {}
    for span, text in entry.items():
        grades = _grades(str(span), attribute, where)
        twice = [grade for grade in grades if grade in texts]
        if twice:
            label = attribute.grade_label(twice[0])
            raise UserError(f"{where}: {span}: duplicate advice for grade {label}; give each grade one text")
        texts |= dict.fromkeys(grades, _text(text, f"{where}: {span}"))
    return tuple(texts.get(grade, {}) for grade in range(attribute.grades))


def _grades(span: str, attribute: Attribute, where: str) -> range:
    """The grades of a range, which may be a single grade."""
    labels = [attribute.grade_label(grade) for grade in range(attribute.grades)]
    cuts = [(span, span), *((span[:i].strip(), span[i + 1 :].strip()) for i, sign in enumerate(span) if sign == "-")]
    for first, last in cuts:
        if first in labels and last in labels and labels.index(first) <= labels.index(last):
            return range(labels.index(first), labels.index(last) + 1)
    raise UserError(
        f"{where}: {span!r} is not one of its grades; give one of {', '.join(labels)}, or a range such as "
        f"{labels[0]}-{labels[1]}"
    )


def _text(text: Any, where: str) -> Text:
    if not isinstance(text, dict):
        raise UserError(f"{where}: {text!r}; give a text in each language, {{en: ..., ko: ...}}")
    for language in text:
        if language not in LANGUAGES:
            raise unknown("language", language, LANGUAGES, where)
    for language in LANGUAGES:
        given = text.get(language)
        if not isinstance(given, str) or not given.strip():
            raise UserError(f"{where}: {language}: {given!r}; give a text in each language, {{en: ..., ko: ...}}")
    return {language: text[language].strip() for language in LANGUAGES}
