"""The comparison of a second run with a first one, as tables for the terminal."""

from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from multiskin.reports.comparison_lines import rows
from multiskin.reports.difference import CHANGES, HEADING, Difference, cells, title_of
from multiskin.reports.tables import ASCII


def print_difference(found: Difference, console: Console) -> None:
    """Prints a line for each head and metric, then how many predictions changed, and the notes."""
    console.print(found.caption())
    console.print(_numbers(found))
    console.print(_changed(found))
    for note in found.notes():
        console.print(note)


def _numbers(found: Difference) -> Table:
    table = _table(*HEADING[:-1])
    table.add_column(HEADING[-1])
    for _, lines in groupby(rows(found.results), key=lambda line: line.attribute):
        for position, line in enumerate(lines):
            title = "" if position else title_of(line, found.schema)
            table.add_row(title, *(cell.translate(ASCII) for cell in cells(line)))
        table.add_section()
    return table


def _changed(found: Difference) -> Table:
    table = _table("predictions", *CHANGES)
    for title, numbers in found.changed():
        table.add_row(title, *map(str, numbers))
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
