"""What a second run leaves behind that was set against a first one: tables for programs, a table and a page to read."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from multiskin.compare.statistics import MEAN, RESAMPLES, compare
from multiskin.compare.words import DECIMALS, in_words, plural
from multiskin.metrics.bootstrap import Interval
from multiskin.reports.comparison_lines import METRICS, difference, judging, limits, rows, whose
from multiskin.reports.formats import count, number
from multiskin.reports.grade_counts import SIDE_TITLES
from multiskin.reports.html import write_page
from multiskin.reports.markdown import markdown_table
from multiskin.reports.paired import PairedRuns, Regraded
from multiskin.run import RunFolder, write_whole
from multiskin.schema import Schema

COLUMNS = {"candidate": "second", "baseline": "first"}  # of the lines of statistics.compare
HEADING = ("attribute", "metric", "first", "second", "difference", "95 % interval", "detectable", "the second is")
CHANGES = ("mended", "broken", "nearer", "further")
DRAWN = {
    "subjects": "subjects are resampled",
    "photos": "photos are resampled, for no subject is known, and intervals are too narrow if any are of one person",
    "subjects and photos": "subjects are resampled, and the photos of nobody known",
}
ONE_SEED = (
    "Intervals are of these two trained models, one run each: how much another seed would change is not in them, and "
    "nothing is said of the method."
)


@dataclass(frozen=True, eq=False)
class Difference:
    """A second run against a first.

    Attributes:
        names: of the first run's folder and the second's.
        side: of the split: test or val.
        paired: what both predict of the photos that both have.
        results: of every attribute and metric, from statistics.compare, the second run as the candidate.
        changes: from PairedRuns.changes.
    """

    names: tuple[str, str]
    side: str
    paired: PairedRuns
    results: pd.DataFrame
    changes: pd.DataFrame

    @classmethod
    def between(cls, first: RunFolder, second: RunFolder, side: str, paired: PairedRuns) -> "Difference":
        """Measures it: every metric of both, with the interval of the paired difference."""
        names = (first.root.resolve().name, second.root.resolve().name)
        results = compare(paired.pairs(), RESAMPLES)
        averaged = results[(results["metric"] == "p_recall") & (results["photos"] > 0)]["attribute"]
        if len(averaged[averaged != MEAN]) < 2:
            results = results[results["attribute"] != MEAN]  # a mean of one is none
        return cls(names, side, paired, results, paired.changes())

    @property
    def schema(self) -> Schema:
        return self.paired.schema

    @property
    def widest(self) -> Any:
        """The line of the results that rests on the most subjects or photos."""
        return max(rows(self.results), key=lambda found: found.units)

    def caption(self) -> str:
        """What is set against what, on which photos, and how intervals are made."""
        photos = len(self.paired.second)
        what = f"{count(photos)} {SIDE_TITLES[self.side]} {plural(photos, 'photo')}{whose(self.widest)}"
        drawn = DRAWN[self.widest.unit_kind]
        return (
            f"{self.names[1]} (second) against {self.names[0]} (first) on {what} that both were measured on; {drawn}."
        )

    def notes(self) -> list[str]:
        """What a reader has to know before the numbers are believed."""
        return [ONE_SEED, *self._left_out(), *self._regraded(), *self._rare(), *self._seen()]

    def _left_out(self) -> list[str]:
        rest = {self.names[0]: self.paired.only_first, self.names[1]: self.paired.only_second}
        return [
            f"{count(rows)} {plural(rows, 'row')} of {name} {'has' if rows == 1 else 'have'} no counterpart and "
            "counted nowhere."
            for name, rows in rest.items()
            if rows
        ]

    def _regraded(self) -> list[str]:
        of, judge = self.paired.regraded(), {"first": self.names[0], "second": self.names[1]}[self.paired.judge]
        if not of:
            return []
        told = "; ".join(f"{self.schema[name].title()}: {_regraded(found)}" for name, found in of.items())
        return [f"True grades are not the same in both runs ({told}); both are judged by those of {judge}."]

    def _rare(self) -> list[str]:
        """Of the heads' own lines, for that of the mean repeats them."""
        of_heads = self.results[(self.results["attribute"] != MEAN) & (self.results["note"] != "")]
        found = dict(zip(of_heads["attribute"], of_heads["note"], strict=True))
        return [f"Rare in {self.schema[name].title()}: {note}." for name, note in found.items()]

    def _seen(self) -> list[str]:
        return [] if self.side == "test" else ["These photos decided on the epoch that each run kept."]

    def changed(self) -> list[tuple[str, list[int]]]:
        """Each head's title, and how many of its answers were mended, broken and so on."""
        numbers = Counter(zip(self.changes["attribute"], self.changes["change"], strict=True))
        return [(each.title(), [numbers[each.name, change] for change in CHANGES]) for each in self.schema]


def _regraded(found: Regraded) -> str:
    words = {"changed": found.changed, "in the second alone": found.added, "in the first alone": found.removed}
    return ", ".join(f"{number} {what}" for what, number in words.items() if number)


def title_of(line: Any, schema: Schema) -> str:
    """What a line of the results is about."""
    return line.attribute if line.attribute == MEAN else schema[line.attribute].title()


def cells(line: Any) -> list[str]:
    """A line of the results, from its metric on, as words and digits under HEADING."""
    return [
        METRICS[line.metric],
        number(line.baseline, DECIMALS),
        number(line.candidate, DECIMALS),
        difference(judging(line)),
        limits(line.trained_low, line.trained_high),
        number(line.detectable, DECIMALS),
        _verdict(line),
    ]


def _verdict(line: Any) -> str:
    """Without what is said once of all of them: that it is of these trained models."""
    if np.isnan(line.trained_low):
        return str(line.verdict)
    return in_words(Interval(line.difference, line.trained_low, line.trained_high), line.higher_is_better)


def write_difference(found: Difference, folder: Path) -> Path:
    """Writes difference.csv, difference_photos.csv, difference.md and difference.html, and returns the page.

    Args:
        found: the difference.
        folder: where to.
    """
    results = found.results.rename(columns=COLUMNS)
    write_whole(folder / "difference.csv", results.to_csv(index=False, float_format="%.6g"))
    write_whole(folder / "difference_photos.csv", found.changes.to_csv(index=False))
    write_whole(folder / "difference.md", difference_markdown(found))
    page = folder / "difference.html"
    write_page(page, "difference", _content(found))
    return page


def difference_markdown(found: Difference) -> str:
    """Both runs by every head and metric, and how many answers are nearer to the truth or further from it."""
    numbers = markdown_table(HEADING, ([title_of(line, found.schema), *cells(line)] for line in rows(found.results)))
    changed = ([title, *map(str, counts)] for title, counts in found.changed())
    notes = "\n".join(f"- {note}" for note in found.notes())
    return "\n\n".join([found.caption(), numbers, markdown_table(("answers", *CHANGES), changed), notes]) + "\n"


def _content(found: Difference) -> dict[str, Any]:
    """Everything that the template names."""
    return {
        "names": found.names,
        "caption": found.caption(),
        "notes": found.notes(),
        "heading": HEADING,
        "lines": [(title_of(line, found.schema), cells(line)) for line in rows(found.results)],
        "changes": CHANGES,
        "changed": found.changed(),
    }
