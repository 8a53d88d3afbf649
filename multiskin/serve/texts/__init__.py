"""What people read, by language: every sentence stands in a YAML file beside this one, under the same key in each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from multiskin.schema import LANGUAGES

FIRST = LANGUAGES[0]
COOKIE = "language"  # which the switch in the page's head writes, and the forms read


@dataclass(frozen=True)
class Words:
    """The sentences of one language."""

    language: str
    sentences: Mapping[str, str]  # by key, such as score.title

    def __call__(self, key: str, **values: object) -> str:
        """The sentence of a key, with {names} in it filled in."""
        return self.sentences[key].format(**values)

    def of(self, group: str, word: str) -> str:
        """What a word that data or another room gives is called; the word itself where nobody has named it."""
        return self.sentences.get(f"{group}.{word}", word.replace("_", " "))


@cache
def words(language: str) -> Words:
    """The sentences of a language, of English for one that is not there."""
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
    """The language that a browser likes best of those there are.

    Args:
        accepted: its header Accept-Language.
        default: where it likes none of them.
    """
    ranked = sorted(map(_ranked, accepted.split(",")), reverse=True)  # stable: of equals the first one named
    liked = [language for weight, language in ranked if weight > 0 and language in LANGUAGES]
    return liked[0] if liked else default or FIRST


def _ranked(entry: str) -> tuple[float, str]:
    """Weight and language of an entry such as ko-KR;q=0.8."""
    tag, _, weight = entry.replace(" ", "").partition(";q=")
    try:
        return float(weight or 1), tag.strip().lower().partition("-")[0]
    except ValueError:
        return 0.0, ""
