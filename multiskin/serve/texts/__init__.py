"""The page's texts by language, from one YAML file per language in this folder, all with the same keys."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from multiskin.schema import LANGUAGES

FIRST = LANGUAGES[0]
COOKIE = "language"  # written by the language switch in the page's header, and read by the forms


@dataclass(frozen=True)
class Words:
    """The texts of one language."""

    language: str
    sentences: Mapping[str, str]  # by key, such as score.title

    def __call__(self, key: str, **values: object) -> str:
        """The text for a key, with its {placeholders} filled in."""
        return self.sentences[key].format(**values)

    def of(self, group: str, word: str) -> str:
        """The text for a code word or a name from the data; the word itself if there is no text for it."""
        return self.sentences.get(f"{group}.{word}", word.replace("_", " "))


@cache
def words(language: str) -> Words:
    """The texts of a language; English if it is not available."""
    known = language if language in LANGUAGES else FIRST
    text = files(__name__).joinpath(f"{known}.yaml").read_text(encoding="utf-8")
    return Words(known, dict(_flat(yaml.safe_load(text))))


def _flat(tree: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{where}{key}.")
        else:
            yield f"{where}{key}", value


def preferred(accepted: str, default: str | None = None) -> str:
    """The available language that a browser prefers.

    Args:
        accepted: the Accept-Language header.
        default: the language if it accepts none of them; None for English.
    """
    ranked = sorted(map(_ranked, accepted.split(",")), reverse=True)  # stable: of equals the first one named
    liked = [language for weight, language in ranked if weight > 0 and language in LANGUAGES]
    return liked[0] if liked else default or FIRST


def _ranked(entry: str) -> tuple[float, str]:
    """The weight and language of an entry such as ko-KR;q=0.8."""
    tag, _, weight = entry.replace(" ", "").partition(";q=")
    try:
        return float(weight or 1), tag.strip().lower().partition("-")[0]
    except ValueError:
        return 0.0, ""
