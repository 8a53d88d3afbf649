"""The maps of two models on the same photos: the tables of both, and which maps are better."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from multiskin.reports.explanation import as_lines, content_of, words_of, write_panels, write_table
from multiskin.reports.explanation_tables import MEASURES, RANKED, Cell, Measured, Panel, is_small_sample, panels_of
from multiskin.reports.formats import ABSENT, signed, span
from multiskin.run import write_json

COMPARED = (*RANKED, "outside_skin")  # measures that say which model's maps are better


def write_map_pair(one: Measured, other: Measured, folder: Path) -> Path:
    """Writes the files of write_map_evaluation with the numbers of both models, and explanation_differences.csv.

    Args:
        one: the evaluation of the first model's maps.
        other: that of the second model, on the same photos and with the same heads.
        folder: the folder to write to, which must exist.

    Returns:
        The page's path.
    """
    models = (one, other)
    lead = one.evaluation.lead_over(other.evaluation)
    for name, table in (("explanation", "means"), ("explanation_groups", "groups")):
        named = [getattr(model.evaluation, table).assign(model=model.name) for model in models]
        both = pd.concat(named)
        write_table(folder / f"{name}.csv", both[["model", *both.columns.drop("model")]])
    write_table(folder / "explanation_differences.csv", lead)
    contents = [{"model": model.name} | content_of(model.evaluation) for model in models]
    write_json(folder / "explanation.json", {"models": contents, "differences": as_lines(lead)})
    return write_panels(folder, words_of(one.evaluation), [_differences(one, other, lead), *panels_of(models)])


def _differences(one: Measured, other: Measured, lead: pd.DataFrame) -> Panel:
    """The difference of each measure, first model minus second."""
    lines = {(line["measure"], line["head"]): line for line in lead.to_dict("records")}
    measures = [measure for measure in COMPARED if measure in set(lead["measure"])]
    rows = [
        (head.title(), [_difference(lines.get((measure, head.name))) for measure in measures])
        for head in one.evaluation.schema
    ]
    return Panel(
        f"{one.name} or {other.name}: whose maps are better?",
        f"{one.name} minus {other.name} on the same photos, each as its model sees them. Lower is better outside the "
        "skin, higher for all other measures. Bold differences are clear: their intervals exclude 0.",
        ["attribute", *(MEASURES[measure][0] for measure in measures)],
        rows,
    )


def _difference(line: Mapping[Hashable, Any] | None) -> Cell:
    if line is None:
        return Cell(ABSENT)
    below = (span(line["low"], line["high"]), f"n {line['photos']}")
    return Cell(signed(line["value"]), below, is_small_sample(line), clear=line["low"] > 0 or line["high"] < 0)
