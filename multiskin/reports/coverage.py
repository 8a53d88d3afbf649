"""How often a model's sets of grades hold the true one, beside how often that was promised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from multiskin.conformal.coverage import Coverage, HeadCoverage, coverage_by_cell
from multiskin.conformal.prediction import ALL, ConformalSets
from multiskin.data.manifest import Manifest
from multiskin.inference.evaluate import Evaluation
from multiskin.inference.predictor import Predictor
from multiskin.reports.formats import number, percent, span
from multiskin.reports.tables import ASCII

DECIMALS = 3
LEGEND = """held: share of sets that hold the true grade, averaged over subjects, which is what was promised
grades: how many a set holds; full: sets that hold all"""


@dataclass(frozen=True, kw_only=True)
class EvaluatedSets(Evaluation):
    """What is measured of a model that tells sets of grades, too.

    Attributes:
        promised: what makes the sets.
        held: what they are worth, by attribute.
    """

    promised: ConformalSets
    held: Mapping[str, HeadCoverage]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for JSON; a value that does not exist is null."""
        heads = {name: held.to_dict() for name, held in self.held.items()}
        return super().to_dict() | {
            "sets": {"coverage": self.promised.coverage, "by": self.promised.by, "heads": heads}
        }


def with_sets(evaluation: Evaluation, predictor: Predictor) -> Evaluation:
    """An evaluation with what the model's sets are worth on its photos; as it is where nothing was promised.

    They hold the grade that was decided, too, as those that a user of the model is told; where the promise is kept for
    each value of a group, they may be narrower, for a user who does not tell the model the value gets the widest.
    """
    photos, promised = evaluation.manifest, predictor.conformal
    groups = groups_of(photos)
    sets = predictor.sets(evaluation.prediction, groups)
    if promised is None or sets is None:
        return evaluation
    held = coverage_by_cell(promised, sets, photos.grades, photos.units, groups)
    return EvaluatedSets(**vars(evaluation), promised=promised, held=held)


def groups_of(photos: Manifest) -> dict[str, np.ndarray]:
    """What is known of photos by which a promise can be kept, (N,) by name."""
    part = {} if photos.part is None else {"part": photos.part}
    return part | {str(name): values.to_numpy() for name, values in photos.groups.items()}


def print_coverage(found: Evaluation, console: Console) -> None:
    """A line for each head, and below it for each grade or group that the promise is kept for; nothing without sets."""
    if not isinstance(found, EvaluatedSets):
        return
    by = "photos" if found.promised.by is None else found.promised.by
    title = f"sets of grades, promised to hold the true one in {found.promised.coverage:g} of cases"
    table = Table("attribute", by, title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("subjects", "photos", "held", "95 % interval", "grades", "full"):
        table.add_column(heading, justify="right", no_wrap=True)
    for attribute in found.schema:
        overall, cells = found.held[attribute.name]
        table.add_row(attribute.title(), ALL, *_cells(overall))
        for cell, coverage in cells.items():
            table.add_row("", cell, *_cells(coverage))
        table.add_section()
    console.print(table)
    console.print(LEGEND, style="dim")


def _cells(found: Coverage) -> list[str]:
    low, high = found.interval[1:]
    share = percent(found.full) if found.photos else number(None)
    held = [number(found.covered, DECIMALS), span(low, high, DECIMALS)]
    cells = [str(found.subjects), str(found.photos), *held, number(found.size), share]
    return [cell.translate(ASCII) for cell in cells]
