"""Labels that follow from grades by rules: data, as the attributes are, and nothing that a network learns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from multiskin.errors import UserError, require_known, unknown

Words = dict[str, str]  # language code -> words


@dataclass(frozen=True)
class Condition:
    """Attributes that have to have one of some grades each, and the label of photos where all of them do.

    Attributes:
        label: what follows.
        when: the grades that count, by attribute.
    """

    label: str
    when: Mapping[str, tuple[int, ...]]

    def holds(self, grades: Mapping[str, int]) -> bool:
        return all(grades[name] in counting for name, counting in self.when.items())


@dataclass(frozen=True)
class Derived:
    """A label that follows from grades: that of the first condition that holds, else the last resort.

    Attributes:
        name: its heading in tables.
        rules: in order.
        otherwise: the label where none of them holds.
        display: the words for the name, by language.
        labels: the words for each label, by language.
    """

    name: str
    rules: tuple[Condition, ...]
    otherwise: str
    display: Words = field(default_factory=dict)
    labels: dict[str, Words] = field(default_factory=dict)

    def label(self, grades: Mapping[str, int | None]) -> str | None:
        """What follows from grades by attribute; None where one that a rule asks for is not known."""
        known = {name: grade for name, grade in grades.items() if grade is not None}
        if not all(name in known for rule in self.rules for name in rule.when):
            return None
        return next((rule.label for rule in self.rules if rule.holds(known)), self.otherwise)

    def title(self, language: str = "en") -> str:
        return _words(self.display, language) or self.name.replace("_", " ")

    def words(self, label: str, language: str = "en") -> str:
        """What people read for a label."""
        return _words(self.labels.get(label, {}), language) or label

    def check(self, grades: Mapping[str, int], where: str = "schema") -> None:
        """Makes sure that the rules ask for what there is.

        Args:
            grades: how many each attribute has.
            where: it stands.

        Raises:
            UserError: an unknown attribute, or a grade that it does not have.
        """
        where = f"{where}: derived {self.name!r}"
        for rule in self.rules:
            for name, counting in rule.when.items():
                if name not in grades:
                    raise unknown("attribute", name, grades, where)
                if not counting or not all(grade in range(grades[name]) for grade in counting):
                    raise UserError(
                        f"{where}: {name} is asked for grades {list(counting)}; list some of 0 to {grades[name] - 1}"
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
        """From what to_dict gives.

        Raises:
            UserError: another form.
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
                raise UserError(f"{where}: {words!r}: give words by language, such as {{en: Oily, ko: 지성}}")
        rules = tuple(_condition(rule, where) for rule in entry["rules"])
        return cls(str(entry["name"]), rules, str(entry["otherwise"]), display, labels)


def _condition(entry: Any, where: str) -> Condition:
    if not isinstance(entry, dict) or entry.keys() != {"label", "when"} or not isinstance(entry["when"], dict):
        raise UserError(f"{where}: {entry!r} is no rule; give {{label: both, when: {{this: [2, 3], that: [0, 1]}}}}")
    when = {}
    for name, grades in entry["when"].items():
        counting = grades if isinstance(grades, list) else [grades]
        if not all(type(grade) is int for grade in counting):  # a bool is an int too
            raise UserError(f"{where}: {name}: {grades!r}: give the grades that count, such as [2, 3]")
        when[name] = tuple(counting)
    return Condition(str(entry["label"]), when)


def derive(labels: Sequence[Derived], grades: Mapping[str, int | None]) -> dict[str, str | None]:
    """Every derived label of one photo or person, by name."""
    return {each.name: each.label(grades) for each in labels}


def _words(given: Words, language: str) -> str:
    return given.get(language) or given.get("en") or ""
