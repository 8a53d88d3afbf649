"""The files that compare a second run with a first one: tables for programs, and a table and a page to read."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from multiskin.compare.statistics import MEAN, RESAMPLES, compare
from multiskin.compare.words import DECIMALS, interval_verdict, plural
from multiskin.metrics.bootstrap import Interval
from multiskin.reports.comparison_lines import METRICS, difference, judging_interval, limits, rows, subjects_phrase
from multiskin.reports.formats import count, magnitude, number
from multiskin.reports.grade_counts import SIDE_TITLES
from multiskin.reports.html import write_page
from multiskin.reports.markdown import markdown_table
from multiskin.reports.paired import PairedRuns, Regraded
from multiskin.run import RunFolder, write_atomically
from multiskin.schema import Schema

COLUMNS = {"candidate": "second", "baseline": "first"}  # new names for columns of statistics.compare
HEADING = ("attribute", "metric", "first", "second", "difference", "95 % interval", "detectable", "the second is")
CHANGES = ("mended", "broken", "nearer", "further")
DRAWN = {
    "subjects": "subjects are resampled",
    "photos": "photos are resampled, since no subject is known; intervals are too narrow if several show one person",
    "subjects and photos": "subjects are resampled, and photos of unknown subjects individually",
}
ONE_SEED = (
    "The intervals are about these two trained models, one run each. They do not include how much another seed would "
    "change, so they say nothing about the method."
)
OPTIMISTIC = "These photos were also used to choose the epoch that each run kept, so scores are somewhat optimistic."


@dataclass(frozen=True, eq=False)
class Difference:
    """A second run compared with a first one.

    Attributes:
        names: the names of the first and the second run's folder.
        side: the split, test or val.
        paired: both runs' predictions on the photos that both have.
        results: rows for every attribute and metric, from statistics.compare, with the second run as the candidate.
        changes: the predictions that differ, from PairedRuns.changes.
    """

    names: tuple[str, str]
    side: str
    paired: PairedRuns
    results: pd.DataFrame
    changes: pd.DataFrame

    @classmethod
    def between(cls, first: RunFolder, second: RunFolder, side: str, paired: PairedRuns) -> "Difference":
        """Computes every metric of both runs, and the paired difference with its interval."""
        names = (first.root.resolve().name, second.root.resolve().name)
        results = compare(paired.pairs(), RESAMPLES)
        averaged = results[(results["metric"] == "p_recall") & (results["photos"] > 0)]["attribute"]
        if len(averaged[averaged != MEAN]) < 2:
            results = results[results["attribute"] != MEAN]  # no mean over a single head
        return cls(names, side, paired, results, paired.changes())

    @property
    def schema(self) -> Schema:
        return self.paired.schema

    @property
    def largest(self) -> Any:
        """The row of the results with the most subjects or photos."""
        return max(rows(self.results), key=lambda found: found.units)

    def caption(self) -> str:
        """Which runs are compared, on which photos, and what the intervals resample."""
        photos = len(self.paired.second)
        what = f"{count(photos)} {SIDE_TITLES[self.side]} {plural(photos, 'photo')}{subjects_phrase(self.largest)}"
        drawn = DRAWN[self.largest.unit_kind]
        return (
            f"{self.names[1]} (second) against {self.names[0]} (first) on {what} that both were evaluated on; {drawn}."
        )

    def notes(self) -> list[str]:
        """What a reader has to know to interpret the numbers."""
        return [ONE_SEED, *self._left_out(), *self._regraded(), *self._rare(), *self._seen()]

    def _left_out(self) -> list[str]:
        rest = {self.names[0]: self.paired.only_first, self.names[1]: self.paired.only_second}
        return [
            f"{count(rows)} {plural(rows, 'row')} of {name} {'has' if rows == 1 else 'have'} no counterpart in the "
            "other run: left out."
            for name, rows in rest.items()
            if rows
        ]

    def _regraded(self) -> list[str]:
        of, judge = self.paired.regraded(), {"first": self.names[0], "second": self.names[1]}[self.paired.judge]
        if not of:
            return []
        told = "; ".join(f"{self.schema[name].title()}: {_regraded(found)}" for name, found in of.items())
        return [f"True grades differ between the runs ({told}); both runs are judged by those of {judge}."]

    def _rare(self) -> list[str]:
        """Notes of single heads only, since that of the mean repeats them."""
        of_heads = self.results[(self.results["attribute"] != MEAN) & (self.results["note"] != "")]
        found = dict(zip(of_heads["attribute"], of_heads["note"], strict=True))
        return [f"Rare in {self.schema[name].title()}: {note}." for name, note in found.items()]

    def _seen(self) -> list[str]:
        return [] if self.side == "test" else [OPTIMISTIC]

    def changed(self) -> list[tuple[str, list[int]]]:
        """Each head's title, and how many of its predictions were mended, broken and so on."""
        numbers = Counter(zip(self.changes["attribute"], self.changes["change"], strict=True))
        return [(each.title(), [numbers[each.name, change] for change in CHANGES]) for each in self.schema]


def _regraded(found: Regraded) -> str:
    words = {"changed": found.changed, "only in the second": found.added, "only in the first": found.removed}
    return ", ".join(f"{number} {what}" for what, number in words.items() if number)


def title_of(line: Any, schema: Schema) -> str:
    """The title of the attribute that a row of the results is about."""
    return line.attribute if line.attribute == MEAN else schema[line.attribute].title()


def cells(line: Any) -> list[str]:
    """A row of the results as text, for the columns of HEADING after the first."""
    return [
        METRICS[line.metric],
        number(line.baseline, DECIMALS),
        number(line.candidate, DECIMALS),
        difference(judging_interval(line)),
        limits(line.trained_low, line.trained_high),
        magnitude(line.detectable, DECIMALS),
        _verdict(line),
    ]


def _verdict(line: Any) -> str:
    """The verdict, without saying each time that it is about these trained models."""
    if np.isnan(line.trained_low):
        return str(line.verdict)
    return interval_verdict(Interval(line.difference, line.trained_low, line.trained_high), line.higher_is_better)


def write_difference(found: Difference, folder: Path) -> Path:
    """Writes difference.csv, difference_photos.csv, difference.md and difference.html; returns the page's path.

    Args:
        found: the comparison of both runs.
        folder: the folder to write to.
    """
    results = found.results.rename(columns=COLUMNS)
    write_atomically(folder / "difference.csv", results.to_csv(index=False, float_format="%.6g"))
    write_atomically(folder / "difference_photos.csv", found.changes.to_csv(index=False))
    write_atomically(folder / "difference.md", difference_markdown(found))
    page = folder / "difference.html"
    write_page(page, "difference", _content(found))
    return page


def difference_markdown(found: Difference) -> str:
    """Both runs' scores by head and metric, and how many predictions came nearer to the true grade or went further."""
    numbers = markdown_table(HEADING, ([title_of(line, found.schema), *cells(line)] for line in rows(found.results)))
    changed = ([title, *map(str, counts)] for title, counts in found.changed())
    notes = "\n".join(f"- {note}" for note in found.notes())
    return "\n\n".join([found.caption(), numbers, markdown_table(("predictions", *CHANGES), changed), notes]) + "\n"


def _content(found: Difference) -> dict[str, Any]:
    """Everything that the template refers to."""
    return {
        "names": found.names,
        "caption": found.caption(),
        "notes": found.notes(),
        "heading": HEADING,
        "lines": [(title_of(line, found.schema), cells(line)) for line in rows(found.results)],
        "changes": CHANGES,
        "changed": found.changed(),
    }
