"""How a data set is graded, as tables for the terminal and for other programs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from multiskin.data.photos import Photos
from multiskin.data.splits import split_table
from multiskin.data.statistics import Pair, pairs, patterns
from multiskin.reports.formats import number, percent
from multiskin.reports.grade_counts import HeadCounts, Side, Slice, head_counts, sides
from multiskin.reports.tables import ASCII, print_grades
from multiskin.run import write_atomically
from multiskin.schema import Attribute, Schema

SHOWN = 12  # combinations of attributes in a table; patterns.csv has all


@dataclass(frozen=True)
class GradeTables:
    """The tables on a data set.

    Args:
        photos: the checked photos, of one split or several.
    """

    photos: Photos

    @property
    def schema(self) -> Schema:
        return self.photos.manifest.schema

    @cached_property
    def lines(self) -> pd.DataFrame:
        """One row per photo with its split, part, groups and grades, as text."""
        table = split_table(self.photos.manifest, self.photos.split)
        columns = [attribute.true_column for attribute in self.schema]
        return table.assign(**{name: table[name].astype("string").fillna("").astype(object) for name in columns})

    @cached_property
    def sides(self) -> dict[str, Side]:
        return sides(self.lines)

    @cached_property
    def heads(self) -> list[HeadCounts]:
        """Each attribute's grades by split, part and group."""
        groups = [str(name) for name in self.photos.manifest.groups]
        return head_counts(self.lines, self.schema, ["part", *groups])

    @cached_property
    def pairs(self) -> list[Pair]:
        return list(pairs(self.photos.manifest))

    @cached_property
    def patterns(self) -> list[tuple[tuple[Attribute, ...], int]]:
        return patterns(self.photos.manifest)

    @cached_property
    def slices(self) -> list[tuple[str, list[Slice]]]:
        """For each split, part and group: the name of its column, and one slice per attribute."""
        columns = self.heads[0].slices
        places = [(column, position) for column, found in columns.items() for position in range(len(found))]
        return [(column, [head.slices[column][position] for head in self.heads]) for column, position in places]

    def frames(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the names of their files."""
        return {
            "grades": pd.DataFrame(self._grades(), columns=["by", "value", "attribute", "grade", "photos"]),
            "missing": pd.DataFrame(
                self._missing(), columns=["by", "value", "attribute", "photos", "graded", "missing"]
            ),
            "together": pd.DataFrame(
                self._together(), columns=["attribute", "grade", "other", "other_grade", "photos"]
            ),
            "correlation": pd.DataFrame(
                [(pair.first.name, pair.second.name, pair.photos, pair.correlation) for pair in self.pairs],
                columns=["attribute", "other", "photos", "spearman"],
            ),
            "patterns": pd.DataFrame(
                [(" ".join(each.name for each in graded), photos) for graded, photos in self.patterns],
                columns=["graded", "photos"],
            ),
        }

    def _cells(self) -> Iterator[tuple[str, Attribute, Slice]]:
        for column, of_heads in self.slices:
            for attribute, part in zip(self.schema, of_heads, strict=True):
                yield column, attribute, part

    def _grades(self) -> Iterator[tuple]:
        for column, attribute, part in self._cells():
            for grade, photos in enumerate(part.counts):
                yield column, part.title, attribute.name, attribute.grade_label(grade), photos

    def _missing(self) -> Iterator[tuple]:
        for column, attribute, part in self._cells():
            yield column, part.title, attribute.name, part.photos, part.graded, part.missing

    def _together(self) -> Iterator[tuple]:
        for first, second, counts, _ in self.pairs:
            for one, other in product(range(first.grades), range(second.grades)):
                labels = first.name, first.grade_label(one), second.name, second.grade_label(other)
                yield *labels, counts[one, other]


def write_tables(tables: GradeTables, root: Path) -> list[Path]:
    """Writes grades.csv, missing.csv, together.csv, correlation.csv and patterns.csv, and returns their paths."""
    root.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, frame in tables.frames().items():
        paths.append(root / f"{name}.csv")
        write_atomically(paths[-1], frame.to_csv(index=False, float_format="%.4f"))
    return paths


def print_tables(tables: GradeTables, console: Console) -> None:
    """Prints grades by split, missing grades, correlations, and which attributes are graded on the same photo."""
    print_grades(tables.photos, console)
    console.print(_missing_table(tables))
    if tables.pairs:
        console.print(_pair_table(tables))
    console.print(_pattern_table(tables))


def _missing_table(tables: GradeTables) -> Table:
    table = _table("photos without a grade", "", "photos", *(attribute.title() for attribute in tables.schema))
    for column, of_heads in tables.slices:
        title = f"{column} {of_heads[0].title}"
        table.add_row(title, str(of_heads[0].photos), *(percent(part.missing) for part in of_heads))
    return table


def _pair_table(tables: GradeTables) -> Table:
    table = _table("photos graded for both, and Spearman's correlation", "", "and", "photos", "correlation")
    for pair in tables.pairs:
        correlation = number(pair.correlation).translate(ASCII)
        table.add_row(pair.first.title(), pair.second.title(), str(pair.photos), correlation)
    return table


def _pattern_table(tables: GradeTables) -> Table:
    table = _table("graded together", "attributes", "photos")
    for graded, photos in tables.patterns[:SHOWN]:
        table.add_row(", ".join(attribute.title() for attribute in graded) or "none", str(photos))
    if len(tables.patterns) > SHOWN:
        rest = tables.patterns[SHOWN:]
        table.add_row(f"{len(rest)} other combinations", str(sum(photos for _, photos in rest)))
    return table


def _table(title: str, first: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(first, overflow="fold", min_width=12)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "and" else "right", overflow="fold")
    return table
