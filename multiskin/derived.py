"""Labels derived from grades by rules of the schema, which the network does not learn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from multiskin.errors import UserError, require_known, text_of, unknown

Words = dict[str, str]  # language code -> words


@dataclass(frozen=True)
class Condition:
    """A label, and the grades that the attributes must have for it.

    Attributes:
        label: the label if the condition holds.
        when: the accepted grades of each attribute; the condition holds if all attributes match.
    """

    label: str
    when: Mapping[str, tuple[int, ...]]

    def holds(self, grades: Mapping[str, int]) -> bool:
        return all(grades[name] in counting for name, counting in self.when.items())


@dataclass(frozen=True)
class Derived:
    """A label derived from grades: that of the first condition that holds, else `otherwise`.

    Attributes:
        name: its heading in tables.
        rules: the conditions, in order.
        otherwise: the label if no condition holds.
        display: its name for people, by language.
        labels: each label for people, by language.
    """

    name: str
    rules: tuple[Condition, ...]
    otherwise: str
    display: Words = field(default_factory=dict)
    labels: dict[str, Words] = field(default_factory=dict)

    def label(self, grades: Mapping[str, int | None]) -> str | None:
        """The label for grades by attribute; None if a grade that a rule needs is unknown."""
        known = {name: grade for name, grade in grades.items() if grade is not None}
        if not all(name in known for rule in self.rules for name in rule.when):
            return None
        return next((rule.label for rule in self.rules if rule.holds(known)), self.otherwise)

    def title(self, language: str = "en") -> str:
        return _words(self.display, language) or self.name.replace("_", " ")

    def words(self, label: str, language: str = "en") -> str:
        """A label for people."""
        return _words(self.labels.get(label, {}), language) or label

    def check(self, grades: Mapping[str, int], where: str = "schema") -> None:
        """Makes sure that the rules refer to attributes, grades and labels that exist.

        Args:
            grades: the number of grades of each attribute.
            where: where the rules are given, for messages.

        Raises:
            UserError: an unknown attribute or label, or a grade that an attribute does not have.
        """
        where = f"{where}: derived {self.name!r}"
        for rule in self.rules:
            for name, counting in rule.when.items():
                if name not in grades:
                    raise unknown("attribute", name, grades, where)
                if not counting or not all(grade in range(grades[name]) for grade in counting):
                    raise UserError(
                        f"{where}: the grades of {name} are {list(counting)}; give some of 0 to {grades[name] - 1}"
                    )
        known = {self.otherwise, *(rule.label for rule in self.rules)}
        for label in self.labels:
            if label not in known:
                raise unknown("label", label, sorted(known), f"{where}: labels")

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for YAML and checkpoints."""
        rules = [
            {"label": rule.label, "when": {name: list(counting) for name, counting in rule.when.items()}}
            for rule in self.rules
        ]
        words = {"display": dict(self.display), "labels": {label: dict(each) for label, each in self.labels.items()}}
        content = {"name": self.name, "rules": rules, "otherwise": self.otherwise}
        return content | {key: value for key, value in words.items() if value}

    @classmethod
    def from_dict(cls, entry: Any, where: str = "schema") -> "Derived":
        """The inverse of to_dict.

        Raises:
            UserError: malformed content.
        """
        if not isinstance(entry, dict) or not {"name", "rules", "otherwise"} <= entry.keys():
            raise UserError(f"{where}: derived: give a mapping with name, rules and otherwise, not {entry!r}")
        where = f"{where}: derived {entry['name']!r}"
        require_known(entry, cls.__dataclass_fields__, where)
        if not isinstance(entry["rules"], list):
            raise UserError(f"{where}: rules is {entry['rules']!r}; give a list")
        display, labels = entry.get("display") or {}, entry.get("labels") or {}
        for words in (display, labels, *(labels.values() if isinstance(labels, dict) else ())):
            if not isinstance(words, dict):
                raise UserError(f"{where}: {words!r}: give a text by language, such as {{en: Oily, ko: 지성}}")
        rules = tuple(_condition(rule, where) for rule in entry["rules"])
        name, otherwise = (text_of(entry[key], f"{where}: {key}") for key in ("name", "otherwise"))
        labels = {label: _by_language(words, f"{where}: {label}") for label, words in labels.items()}
        return cls(name, rules, otherwise, _by_language(display, f"{where}: display"), labels)


def _condition(entry: Any, where: str) -> Condition:
    if not isinstance(entry, dict) or entry.keys() != {"label", "when"} or not isinstance(entry["when"], dict):
        raise UserError(
            f"{where}: {entry!r} is not a rule; give one such as {{label: both, when: {{this: [2, 3], that: [0, 1]}}}}"
        )
    when = {}
    for name, grades in entry["when"].items():
        counting = grades if isinstance(grades, list) else [grades]
        if not all(type(grade) is int for grade in counting):  # a bool is an int too
            raise UserError(f"{where}: {name}: {grades!r}: give the grades that count, such as [2, 3]")
        when[name] = tuple(counting)
    return Condition(text_of(entry["label"], f"{where}: label"), when)


def _by_language(given: Mapping[str, Any], where: str) -> Words:
    """Words without blank ones."""
    return {language: text_of(words, f"{where}: {language}") for language, words in given.items() if words is not None}


def derive(labels: Sequence[Derived], grades: Mapping[str, int | None]) -> dict[str, str | None]:
    """Every derived label of one photo or person, by name."""
    return {each.name: each.label(grades) for each in labels}


def _words(given: Words, language: str) -> str:
    return given.get(language) or given.get("en") or ""
