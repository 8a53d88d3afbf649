"""Where to find a value in a label file, and how to convert it."""

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from multiskin.data.adapters.irregularities import NO_NUMBER, NOT_MAPPED, Kind
from multiskin.data.table import shown
from multiskin.data.validation import numeral
from multiskin.errors import UserError, require_known

Document = Mapping[str, Any]  # the content of a label file


class NotReadError(ValueError):
    """Raised for a value that cannot be used."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True)
class Source:
    """Where to find a value in a label file, and how to convert it.

    Attributes:
        field: the keys that lead to the value, with dots between them; a number is an index of a list.
        values: what to write for each value, "" to leave it blank; empty to write the value itself.
        bins: ascending limits for measured values; what is written is the number of limits that a value reaches.
        descending: write the number of limits that a value does not reach instead, since low values are high grades.
        names: what to write for the bins 0, 1, ...; empty to write their numbers.
        parts: the parts for which the source is used; empty for all.
    """

    field: str
    values: Mapping[str, str]
    bins: tuple[float, ...] = ()
    descending: bool = False
    names: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, entry: Any, where: str) -> "Source":
        """Reads an entry of mapping.yaml.

        Raises:
            UserError: neither a field nor a valid mapping with one.
        """
        if isinstance(entry, str | int):
            return cls(str(entry), {})
        if not isinstance(entry, dict) or not isinstance(entry.get("field"), str):
            raise UserError(f"{where}: {entry!r} is not a source; give a field, or {{field: ..., bins: [...]}}")
        require_known(entry, [each.name for each in fields(cls)], where)
        where = f"{where}: {entry['field']}"
        values, bins = entry.get("values") or {}, listed(entry, "bins", where)
        if not isinstance(values, dict):
            raise UserError(f"{where}: values is {values!r}; give what to write for each value, such as {{0: 0, 3: 1}}")
        if not all(isinstance(each, int | float) for each in bins) or sorted(set(bins)) != list(bins):
            raise UserError(f"{where}: bins is {bins!r}; give limits, each above the one before")
        if bins and values:
            raise UserError(f"{where}: has both values and bins; give only one of them")
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
        """The converted value of a label file; "" if it has none.

        Raises:
            NotReadError: a value that cannot be converted.
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
    """The list under a key; empty if there is none.

    Raises:
        UserError: not a list.
    """
    value = entry.get(key) or []
    if not isinstance(value, list):
        raise UserError(f"{where}: {key} is {value!r}; give a list")
    return value


def _value_at(document: Any, keys: list[str]) -> Any:
    """The value at these keys; None if there is none. Keys beyond a value that is no container are ignored."""
    for key in keys:
        if isinstance(document, list):
            document = document[int(key)] if key.isdecimal() and int(key) < len(document) else None
        elif isinstance(document, dict):
            document = document.get(key)
        else:
            break
    return document


def text_of(value: Any) -> str:
    """A value as the text of a cell; that of a list or mapping is never a valid grade."""
    return "" if value is None else str(value).strip()
