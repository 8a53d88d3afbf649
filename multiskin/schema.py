"""The schema: which attributes a model grades, as data. A scalp model is another YAML file, not another class."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from multiskin.derived import Derived
from multiskin.documents import read_document, to_yaml
from multiskin.errors import UserError, require_known, text_of, unknown

Kind = Literal["ordinal", "nominal"]
Text = dict[str, str]  # language code -> text
Texts = dict[str, tuple[str, ...]]  # language code -> a text for each grade
LANGUAGES = ("en", "ko")
MISSING = -1  # a missing grade, in arrays and tensors; blank in files
MOST_GRADES = 1000  # of one attribute: more than any scale or list of skin diseases has, and little enough for memory
RESERVED = ("mean", "loss", "row", "image", "subject", "part", "error")  # tables and logs use these names themselves


@dataclass(frozen=True)
class Attribute:
    """An attribute that is graded 0..K-1, with the texts that describe it to people.

    Raises:
        UserError: a name that is not an identifier, too few or too many grades, or texts that do not match the grades.
    """

    name: str
    grades: int  # K
    kind: Kind = "ordinal"
    display: Text = field(default_factory=dict)
    lowest: Text = field(default_factory=dict)  # what grade 0 means
    highest: Text = field(default_factory=dict)  # what grade K-1 means
    grade_names: tuple[str, ...] = ()  # names that the table may use in place of 0..K-1
    column: str = ""  # the heading in the table, if it is not the name
    lips: bool = False  # whether it shows on lips as well as on skin
    # No weight depends on the following, so they may differ in a resumed run and are not compared.
    meanings: Texts = field(default_factory=dict, compare=False)  # one sentence per grade
    fine: bool = field(default=False, compare=False)  # whether grading it takes detail that a blurred photo lacks

    def __post_init__(self) -> None:
        where = f"schema: attribute {self.name!r}"
        if not isinstance(self.name, str) or not re.fullmatch(r"[^\W\d]\w*", self.name):
            raise UserError(
                f"{where}: a name consists of letters, digits and underscores and does not begin with a digit; "
                "put the table's own heading under 'column'"
            )
        if self.name in RESERVED:
            raise UserError(
                f"{where}: {', '.join(RESERVED)} are reserved; choose another name and put this one under 'column'"
            )
        if not isinstance(self.grades, int) or not 2 <= self.grades <= MOST_GRADES:
            raise UserError(f"{where}: grades is {self.grades!r}; give the number of grades, 2 to {MOST_GRADES}")
        if self.kind not in get_args(Kind):
            raise unknown("kind", self.kind, get_args(Kind), where)
        if not isinstance(self.lips, bool):
            raise UserError(f"{where}: lips is {self.lips!r}; give true if it shows on lips as well as on skin")
        if not isinstance(self.fine, bool):
            raise UserError(f"{where}: fine is {self.fine!r}; give true if a blurred or small photo does not show it")
        self._check_texts(where)

    def _check_texts(self, where: str) -> None:
        """Checks that there is one name and one meaning for each grade, if any."""
        if self.grade_names and len(self.grade_names) != self.grades:
            raise UserError(f"{where}: {len(self.grade_names)} grade_names for {self.grades} grades; name each one")
        if len(set(self.grade_names)) != len(self.grade_names):
            raise UserError(f"{where}: a name appears twice in grade_names; each grade needs its own")
        for language, sentences in self.meanings.items():
            if len(sentences) != self.grades:
                count = f"{len(sentences)} meanings in {language!r} for {self.grades} grades"
                raise UserError(f"{where}: {count}; give one sentence for each grade")

    @property
    def ordinal(self) -> bool:
        return self.kind == "ordinal"

    @property
    def heading(self) -> str:
        """The table's column of this attribute's grades."""
        return self.column or self.name

    @property
    def prediction_columns(self) -> list[str]:
        """Its columns in a table of predictions: grade, expected grade if ordinal, and probabilities."""
        score = [f"{self.name}_score"] if self.ordinal else []
        return [self.name, *score, *self.probability_columns]

    @property
    def probability_columns(self) -> list[str]:
        """Its columns of probabilities, one per grade."""
        return [f"{self.name}_p{grade}" for grade in range(self.grades)]

    @property
    def set_columns(self) -> list[str]:
        """Its columns for a set of grades: the lowest and the highest if ordinal, else a list of all of them."""
        return [f"{self.name}_low", f"{self.name}_high"] if self.ordinal else [f"{self.name}_set"]

    @property
    def true_column(self) -> str:
        """Its column of true grades in a table of predictions on graded photos."""
        return f"{self.name}_true"

    def title(self, language: str = "en") -> str:
        return self.display.get(language) or self.display.get("en") or self.name.replace("_", " ")

    def grade_label(self, grade: int) -> str:
        """The name of a grade in reports: the one given, else its number."""
        return self.grade_names[grade] if self.grade_names else str(grade)

    def meaning(self, grade: int, language: str = "en") -> str:
        """A sentence about a grade, in English if there is none in that language; "" if there is none at all."""
        sentences = self.meanings.get(language) or self.meanings.get("en")
        return sentences[grade] if sentences else ""

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for YAML and checkpoints, without the texts and flags that have their default."""
        given = {"name": self.name, "kind": self.kind, "grades": self.grades}
        optional = {
            "column": self.column,
            "display": dict(self.display),
            "lowest": dict(self.lowest),
            "highest": dict(self.highest),
            "grade_names": list(self.grade_names),
            "lips": self.lips,
            "meanings": {language: list(sentences) for language, sentences in self.meanings.items()},
            "fine": self.fine,
        }
        return given | {key: value for key, value in optional.items() if value}

    @classmethod
    def from_dict(cls, entry: Any, where: str = "schema") -> "Attribute":
        if not isinstance(entry, dict) or "name" not in entry:
            raise UserError(f"{where}: an attribute is a mapping with at least 'name' and 'grades', found {entry!r}")
        where = f"{where}: attribute {entry['name']!r}"
        require_known(entry, cls.__dataclass_fields__, where)
        values = entry | {"name": text_of(entry["name"], f"{where}: name")}
        for key in ("display", "lowest", "highest"):
            values[key] = _text(values.get(key), f"{where}: {key}")
        names = values.get("grade_names") or ()
        if not isinstance(names, list | tuple):
            raise UserError(f"{where}: grade_names is {names!r}; give a list, one name per grade")
        values["grade_names"] = tuple(text_of(name, f"{where}: grade_names") for name in names)
        values["meanings"] = _sentences(values.get("meanings"), f"{where}: meanings")
        values["column"] = "" if values.get("column") is None else text_of(values["column"], f"{where}: column")
        if "grades" not in values:
            values["grades"] = len(names)
        return cls(**values)


def _text(value: Any, where: str) -> Text:
    """A text by language, without blank ones; a plain string is English."""
    if value is None:
        return {}
    if isinstance(value, list):
        raise UserError(f"{where}: give a text by language, such as {{en: Oil, ko: 유분}}, not {value!r}")
    if not isinstance(value, dict):
        return {"en": text_of(value, where)}
    _check_languages(value, where)
    return {language: text_of(text, f"{where}: {language}") for language, text in value.items() if text is not None}


def _sentences(value: Any, where: str) -> Texts:
    """Sentences by language, one per grade; a plain list is English."""
    if value is None:
        return {}
    by_language = {"en": value} if isinstance(value, list | tuple) else value
    if not isinstance(by_language, dict) or not all(isinstance(each, list | tuple) for each in by_language.values()):
        raise UserError(f"{where}: give a list by language, with one sentence for each grade, not {value!r}")
    _check_languages(by_language, where)
    return {
        language: tuple(text_of(sentence, f"{where}: {language}") for sentence in each)
        for language, each in by_language.items()
    }


def _check_languages(given: Iterable[Any], where: str) -> None:
    for language in given:
        if language not in LANGUAGES:
            raise unknown("language", language, LANGUAGES, where)


@dataclass(frozen=True)
class Schema:
    """The attributes of a model, in the order of its heads, and the labels derived from their grades.

    Raises:
        UserError: no attribute, a repeated name or column, or rules that refer to something that does not exist.
    """

    attributes: tuple[Attribute, ...]
    derived: tuple[Derived, ...] = field(default=(), compare=False)  # no weight depends on it

    def __post_init__(self) -> None:
        if not self.attributes:
            raise UserError("schema: no attribute; list at least one under 'attributes'")
        for what in ("name", "heading"):
            values = [getattr(attribute, what) for attribute in self.attributes]
            twice = {value for value in values if values.count(value) > 1}
            if twice:
                raise UserError(f"schema: {what} {sorted(twice)[0]!r} appears twice; each attribute needs its own")
        for attribute in self.attributes:
            columns = {attribute.true_column, *attribute.prediction_columns[1:], *attribute.set_columns}
            taken = columns.intersection(self.names)
            if taken:
                raise UserError(
                    f"schema: in tables of predictions, {taken.pop()!r} is a column of {attribute.name!r}; give the "
                    "attribute of that name another name, and put this one under 'column'"
                )
        self._check_derived()

    def _check_derived(self) -> None:
        """Checks that derived labels have unique names and refer to existing grades."""
        taken = {*RESERVED}
        for attribute in self.attributes:
            taken |= {*attribute.prediction_columns, *attribute.set_columns}
        for derived in self.derived:
            if derived.name in taken:
                raise UserError(f"schema: derived {derived.name!r}: there is a column of that name; choose another one")
            taken.add(derived.name)
            derived.check({attribute.name: attribute.grades for attribute in self.attributes})

    def __iter__(self) -> Iterator[Attribute]:
        return iter(self.attributes)

    def __len__(self) -> int:
        return len(self.attributes)

    def __getitem__(self, name: str) -> Attribute:
        return self.attributes[self.index(name)]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(attribute.name for attribute in self.attributes)

    @cached_property
    def max_grades(self) -> int:
        """Kmax, the width of arrays of all heads' grades."""
        return max(attribute.grades for attribute in self.attributes)

    def index(self, name: str) -> int:
        if name not in self.names:
            raise unknown("attribute", name, self.names, "schema")
        return self.names.index(name)

    def to_dict(self) -> dict[str, Any]:
        derived = {"derived": [each.to_dict() for each in self.derived]} if self.derived else {}
        return {"attributes": [attribute.to_dict() for attribute in self.attributes]} | derived

    @classmethod
    def from_dict(cls, content: Any, where: str = "schema") -> "Schema":
        if not isinstance(content, dict) or not isinstance(content.get("attributes"), list):
            raise UserError(f"{where}: a schema is a mapping with a list 'attributes'")
        require_known(content, cls.__dataclass_fields__, where)
        derived = content.get("derived") or []
        if not isinstance(derived, list):
            raise UserError(f"{where}: derived is {derived!r}; give a list")
        attributes = tuple(Attribute.from_dict(entry, where) for entry in content["attributes"])
        return cls(attributes, tuple(Derived.from_dict(entry, where) for entry in derived))

    @classmethod
    def load(cls, path: str | Path) -> "Schema":
        content = read_document(path, "schema", "name the schema's file under 'schema'")
        return cls.from_dict(content, f"schema {path}")

    def save(self, path: str | Path) -> None:
        Path(path).write_text(to_yaml(self.to_dict()), encoding="utf-8")
