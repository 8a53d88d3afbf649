"""The files on how good a model's maps are: a page and tables to read, and numbers for other programs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from multiskin.explain.evaluation import MapEvaluation
from multiskin.explain.means import BY_GROUP
from multiskin.explain.measures import DRAWS, THRESHOLD, TOLERANCE
from multiskin.reports.explanation_tables import SMALL, Cell, Measured, Panel, panels_of
from multiskin.reports.html import write_page
from multiskin.reports.markdown import markdown_table
from multiskin.run import write_atomically, write_json

UNMASKED = "There are no masks of where the attributes show, so nothing is said here on whether the maps lie there."


def write_map_evaluation(evaluation: MapEvaluation, folder: Path) -> Path:
    """Writes explanation.html, .md, .csv and .json and explanation_groups.csv; returns the page's path.

    Args:
        evaluation: of the maps.
        folder: the folder to write to, which must exist.
    """
    write_table(folder / "explanation.csv", evaluation.means)
    write_table(folder / "explanation_groups.csv", evaluation.groups)
    write_json(folder / "explanation.json", content_of(evaluation))
    return write_panels(folder, words_of(evaluation), list(panels_of([Measured("", evaluation)])))


def write_table(path: Path, table: pd.DataFrame) -> None:
    write_atomically(path, table.to_csv(index=False, float_format="%.6g"))


def write_panels(folder: Path, words: Sequence[str], panels: Sequence[Panel]) -> Path:
    """Writes the tables as explanation.html and explanation.md; returns the page's path."""
    page = folder / "explanation.html"
    write_atomically(folder / "explanation.md", _markdown(words, panels))
    write_page(page, "explanation", {"words": words, "panels": panels})
    return page


def content_of(evaluation: MapEvaluation) -> dict[str, Any]:
    """The evaluation in plain containers for JSON; a value that does not exist is null."""
    counts = {"photos": evaluation.photos, "sampled": evaluation.sampled, "units": evaluation.subjects}
    settings = {"mask_threshold": THRESHOLD, "pointing_tolerance": TOLERANCE, "random_networks": DRAWS}
    similarity = pd.DataFrame(evaluation.similarity, evaluation.schema.names, list(evaluation.schema.names))
    tables = {"means": as_lines(evaluation.means), "groups": as_lines(evaluation.groups)}
    by_head = json.loads(similarity.to_json(orient="index"))
    return counts | {"seed": evaluation.seed} | settings | tables | {"similarity": by_head}


def as_lines(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table as a list of dicts, one per row, with None for NaN."""
    lines: list[dict[str, Any]] = json.loads(table.to_json(orient="records"))
    return lines


def words_of(evaluation: MapEvaluation) -> list[str]:
    """How the numbers were obtained, in paragraphs."""
    looked_at = (
        f"The maps are evaluated on {evaluation.photos} photos of {evaluation.subjects} subjects (a photo of an "
        "unknown subject counts as one of its own), for each photo those of the heads that it is graded for; only the "
        "similarity of the heads' maps is measured for all heads on all photos. Intervals are 95 % bootstrap "
        f"intervals that resample subjects. {SMALL}"
    )
    masked = (
        f"A photo's mask is where the attribute is drawn at {100 * THRESHOLD:g} % of its full strength or more; photos "
        "without such a place are left out."
    )
    tried = (
        f"Insertion, deletion and randomised networks are evaluated on {evaluation.sampled} photos, drawn at random "
        f"with seed {evaluation.seed}; insertion and deletion only where the predicted grade is above 0, since "
        "elsewhere there is nothing to delete."
    )
    has_masks = evaluation.means["measure"].isin(BY_GROUP).any()
    return [looked_at, masked if has_masks else UNMASKED, *([tried] if evaluation.sampled else [])]


def _markdown(words: Sequence[str], panels: Sequence[Panel]) -> str:
    parts = ["# How good the maps are", *words]
    for panel in panels:
        rows = [[title, *map(_in_markdown, cells)] for title, cells in panel.rows]
        parts += [f"## {panel.title}", panel.note, markdown_table(panel.heading, rows)]
    return "\n\n".join(parts) + "\n"


def _in_markdown(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.clear else cell.text
    return f"{text} ({', '.join(cell.below)})" if cell.below else text
