"""Tables in Markdown, for a README."""

from collections.abc import Iterable, Sequence


def markdown_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is words and whose others are numbers."""
    rule = ["---", *["---:"] * (len(heading) - 1)]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in (heading, rule, *rows))


def _cell(text: str) -> str:
    """A name may hold what ends a cell."""
    return " ".join(text.replace("|", "\\|").split())
