"""Fields whose words change with the language."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from multiskin.serve.texts import Words

Sayings = Callable[[Words], dict[str, Any]]  # the options of a field that are words


class Wording:
    """Makes fields in a first language, and tells what changes for another one.

    Args:
        first: the language that the page is made in.
    """

    def __init__(self, first: Words) -> None:
        self._first = first
        self._said: list[tuple[Any, Sayings]] = []

    def make(self, kind: Callable[..., Any], says: Sayings, **options: Any) -> Any:
        """A field of some kind, with options that are words and others."""
        made = kind(**says(self._first), **options)
        self._said.append((made, says))
        return made

    @property
    def fields(self) -> list[Any]:
        return [field for field, _ in self._said]

    def changes(self, words: Words) -> Iterator[Any]:
        """For each field, in order, what it says in a language."""
        for _, says in self._said:
            yield gr.update(**says(words))
