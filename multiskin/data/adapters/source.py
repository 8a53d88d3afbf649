"""Where a value is in somebody's label file, and how it is converted."""

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from multiskin.data.adapters.irregularities import NO_NUMBER, NOT_MAPPED, Kind
from multiskin.data.table import shown
from multiskin.data.validation import numeral
from multiskin.errors import UserError, require_known

Document = Mapping[str, Any]  # what a label file holds


class NotReadError(ValueError):
    """Raised at a value that cannot be used."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True)
class Source:
    """Where a value is in a label file, and how it is converted.

    Attributes:
        field: the keys that lead there, with dots between them; a number counts in a list.
        values: what is written for each value, "" for none; empty where the value itself is.
        bins: limits of an instrument's values, rising: a value gets the number of limits that it reaches.
        descending: it gets the number of those that it does not reach, since a low value is a high grade.
        names: what is written for the numbers 0, 1, ... of bins; empty where the numbers are.
        parts: the only parts for which it is used; empty for all.
    """

    field: str
    values: Mapping[str, str]
    bins: tuple[float, ...] = ()
    descending: bool = False
    names: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, entry: Any, where: str) -> "Source":
        """Raises UserError: not a field, nor a mapping with one."""
        if isinstance(entry, str | int):
            return cls(str(entry), {})
        if not isinstance(entry, dict) or not isinstance(entry.get("field"), str):
            raise UserError(f"{where}: {entry!r} is no source; give a field, or {{field: ..., bins: [...]}}")
        require_known(entry, [each.name for each in fields(cls)], where)
        where = f"{where}: {entry['field']}"
        values, bins = entry.get("values") or {}, listed(entry, "bins", where)
        if not isinstance(values, dict):
            raise UserError(f"{where}: values is {values!r}; give what becomes of each value, as {{0: 0, 3: 1}}")
        if not all(isinstance(each, int | float) for each in bins) or sorted(set(bins)) != list(bins):
            raise UserError(f"{where}: bins is {bins!r}; give limits, each above the one before")
        if bins and values:
            raise UserError(f"{where}: values and bins; give one of them")
        made = cls(
            entry["field"],
            {numeral(text_of(value)): "" if becomes is None else text_of(becomes) for value, becomes in values.items()},
            tuple(map(float, bins)),
            bool(entry.get("descending")),
            tuple(map(text_of, listed(entry, "names", where))),
            tuple(map(text_of, listed(entry, "parts", where))),
        )
        if made.names and len(made.names) != len(made.bins) + 1:
            raise UserError(f"{where}: {len(made.names)} names for {len(made.bins) + 1} bins; name each of them")
        return made

    def read(self, document: Document) -> str:
        """What is to be written; "" where there is no value.

        Raises:
            NotReadError: a value of which nothing can be made.
        """
        value = text_of(_value_at(document, self.field.split(".")))
        if not value:
            return ""
        if self.bins:
            return self._bin(value)
        if not self.values:
            return value
        if numeral(value) not in self.values:
            raise NotReadError(NOT_MAPPED, f"{self.field} is {shown(value)}")
        return self.values[numeral(value)]

    def _bin(self, value: str) -> str:
        try:
            measured = float(value)
        except ValueError:
            measured = math.nan
        if not math.isfinite(measured):
            raise NotReadError(NO_NUMBER, f"{self.field} is {shown(value)}")
        reached = bisect.bisect_right(self.bins, measured)
        number = len(self.bins) - reached if self.descending else reached
        return self.names[number] if self.names else str(number)


def listed(entry: Mapping[str, Any], key: str, where: str) -> list[Any]:
    """A list that may be given under a key. Raises UserError: something else is."""
    value = entry.get(key) or []
    if not isinstance(value, list):
        raise UserError(f"{where}: {key} is {value!r}; give a list")
    return value


def _value_at(document: Any, keys: list[str]) -> Any:
    """What stands under these keys; None where they lead nowhere, the value that has none where one is in the way."""
    for key in keys:
        if isinstance(document, list):
            document = document[int(key)] if key.isdecimal() and int(key) < len(document) else None
        elif isinstance(document, dict):
            document = document.get(key)
        else:
            break
    return document


def text_of(value: Any) -> str:
    """A value as a cell has it; a list or mapping as it would be read out, which is no grade."""
    return "" if value is None else str(value).strip()
