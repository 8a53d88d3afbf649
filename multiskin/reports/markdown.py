"""Tables in Markdown, for a README."""

from collections.abc import Iterable, Sequence


def markdown_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with text in the first column and numbers in the others."""
    rule = ["---", *["---:"] * (len(heading) - 1)]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in (heading, rule, *rows))


def _cell(text: str) -> str:
    """A cell on one line, with pipes escaped, since they would end it."""
    return " ".join(text.replace("|", "\\|").split())
