"""Components whose texts change with the language."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from multiskin.serve.texts import Words

Sayings = Callable[[Words], dict[str, Any]]  # the options of a component that contain text


class Wording:
    """Creates components in an initial language, and updates for other languages.

    Args:
        first: the texts in the initial language.
    """

    def __init__(self, first: Words) -> None:
        self._first = first
        self._said: list[tuple[Any, Sayings]] = []

    def make(self, kind: Callable[..., Any], says: Sayings, **options: Any) -> Any:
        """Creates a component.

        Args:
            kind: the component's class.
            says: returns the options that contain text, for the texts of a language.
            options: all other options.
        """
        made = kind(**says(self._first), **options)
        self._said.append((made, says))
        return made

    @property
    def fields(self) -> list[Any]:
        return [field for field, _ in self._said]

    def changes(self, words: Words) -> Iterator[Any]:
        """The update of each component, in order, for the texts of a language."""
        for _, says in self._said:
            yield gr.update(**says(words))
