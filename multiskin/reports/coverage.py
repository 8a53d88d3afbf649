"""How often a model's conformal sets contain the true grade, compared with the coverage they were fitted for."""

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
LEGEND = """coverage: share of sets that contain the true grade, averaged over subjects like the promised coverage
grades: mean size of a set; full: share of sets that contain every grade"""


@dataclass(frozen=True, kw_only=True)
class EvaluatedSets(Evaluation):
    """The evaluation of a model that also predicts sets of grades.

    Attributes:
        promised: the fitted sets, with the coverage that they promise.
        held: their measured coverage and size, by attribute.
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
    """Adds the coverage and size of the model's sets on the evaluation's photos; unchanged for a model without sets.

    As for users of the model, each set also contains the decided grade. With a promise for each value of a group, the
    sets may be narrower than those of users who do not give the value: these get the widest sets of all values.
    """
    photos, promised = evaluation.manifest, predictor.conformal
    groups = groups_of(photos)
    sets = predictor.sets(evaluation.prediction, groups)
    if promised is None or sets is None:
        return evaluation
    held = coverage_by_cell(promised, sets, photos.grades, photos.units, groups)
    return EvaluatedSets(**vars(evaluation), promised=promised, held=held)


def groups_of(photos: Manifest) -> dict[str, np.ndarray]:
    """The columns that a coverage can be promised by, the part and the groups: (N,) values by name."""
    part = {} if photos.part is None else {"part": photos.part}
    return part | {str(name): values.to_numpy() for name, values in photos.groups.items()}


def print_coverage(found: Evaluation, console: Console) -> None:
    """Prints a line for each head and each grade or group that has a promise of its own; nothing without sets."""
    if not isinstance(found, EvaluatedSets):
        return
    by = "photos" if found.promised.by is None else found.promised.by
    title = f"sets of grades, promised to contain the true one in {100 * found.promised.coverage:g} % of cases"
    table = Table("attribute", by, title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("subjects", "photos", "coverage", "95 % interval", "grades", "full"):
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
