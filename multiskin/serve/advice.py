"""What people may do about a grade, in the words of whoever runs the demo: care for skin, and never a diagnosis."""

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
    """Texts for grades.

    Attributes:
        texts: of each attribute, one a grade by language; empty for a grade that nothing is said of.
    """

    texts: Mapping[str, tuple[Text, ...]] = field(default_factory=dict)

    def of(self, name: str, grade: int, grades: int) -> Text:
        """What is said of a grade, by language; nothing of another model's that counts other grades.

        Args:
            name: the attribute's.
            grade: decided.
            grades: how many the attribute has.
        """
        known = self.texts.get(name, ())
        return known[grade] if len(known) == grades else {}

    def on(self, report: Mapping[str, Any]) -> dict[str, Text]:
        """What is said of each attribute of a plain report; attributes that nothing is said of are left out.

        Args:
            report: as the API answers.
        """
        said = {
            each["name"]: self.of(each["name"], each["grade"], len(each["probabilities"]))
            for each in report["attributes"]
            if each["applies"]
        }
        return {name: text for name, text in said.items() if text}

    def answer(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """For programs: `advice`, and in it that it is no diagnosis; nothing at all where nothing is advised."""
        said = self.on(report)
        notice = {language: words(language)("advice.notice") for language in LANGUAGES}
        return {"advice": {"notice": notice, "attributes": said}} if said else {}


def read_advice(path: Path, schema: Schema) -> Advice:
    """Texts from a YAML file: `attribute: {grade: {en, ko}}`, a span such as 0-1 for several grades.

    Args:
        path: the file; attributes and grades that it does not name get no advice.
        schema: of what is graded; a grade with a name is called by it.

    Raises:
        UserError: no such file, another form, an unknown attribute or grade, a grade twice, or a language missing.
    """
    content = read_document(path, "--advice", "name a YAML file of advice")
    if not isinstance(content, dict):
        raise UserError(f"--advice {path}: give texts by attribute, such as {schema.names[0]}: {FORM}")
    for name in content:
        if name not in schema.names:
            raise unknown("attribute", name, schema.names, f"--advice {path}")
    return Advice({name: _texts(entry, schema[name], f"--advice {path}: {name}") for name, entry in content.items()})


def _texts(entry: Any, attribute: Attribute, where: str) -> tuple[Text, ...]:
    """One a grade."""
    if not isinstance(entry, dict):
        raise UserError(f"{where}: {entry!r}; give texts by grade, such as {FORM}")
    texts: dict[int, Text] = {}
    for span, text in entry.items():
        grades = _grades(str(span), attribute, where)
        twice = [grade for grade in grades if grade in texts]
        if twice:
            label = attribute.grade_label(twice[0])
            raise UserError(f"{where}: {span}: there is advice for grade {label} already; give each grade one text")
        texts |= dict.fromkeys(grades, _text(text, f"{where}: {span}"))
    return tuple(texts.get(grade, {}) for grade in range(attribute.grades))


def _grades(span: str, attribute: Attribute, where: str) -> range:
    """A grade, or those from one up to another."""
    labels = [attribute.grade_label(grade) for grade in range(attribute.grades)]
    cuts = [(span, span), *((span[:i].strip(), span[i + 1 :].strip()) for i, sign in enumerate(span) if sign == "-")]
    for first, last in cuts:
        if first in labels and last in labels and labels.index(first) <= labels.index(last):
            return range(labels.index(first), labels.index(last) + 1)
    raise UserError(
        f"{where}: {span!r} is none of its grades; give one of {', '.join(labels)}, or the lowest and the highest of "
        f"several, such as {labels[0]}-{labels[1]}"
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
