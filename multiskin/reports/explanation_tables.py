"""The tables on how good maps are, for the page and for Markdown."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from multiskin.compare.statistics import MIN_SUBJECTS_PER_GRADE
from multiskin.explain.evaluation import MapEvaluation
from multiskin.explain.measures import DRAWS, TOLERANCE
from multiskin.explain.methods import CHANCE, OURS
from multiskin.reports.formats import ABSENT, number, signed, span
from multiskin.reports.results import ENOUGH, group_values
from multiskin.schema import Schema

SMALL = (
    f"Numbers from fewer than {ENOUGH} photos or {MIN_SUBJECTS_PER_GRADE} subjects say little and are grey on the page."
)

Line = Mapping[Hashable, Any]
Lines = Mapping[tuple[str, str, str], Line]  # by measure, head and method

METHODS = {
    OURS: "this model's maps",
    "grad_cam": "Grad-CAM with ReLU",
    "layer_cam": "Layer-CAM",
    "centre": "centre blob",
    "random": "random map",
    CHANCE: "uniform map",
}
UNINFORMED = ("centre", "random")  # methods that know nothing of the photo: a map that says anything beats them
RANKED = ("pointing", "energy", "auc", "faithfulness")  # measures compared with those maps; higher is better
MEASURES = {
    "pointing": (
        "Pointing game",
        f"How often the map's highest pixel lies in the mask, or within {100 * TOLERANCE:g} % of the side from it.",
    ),
    "energy": (
        "Energy inside",
        "The share of the map's positive part that lies in the mask; for the uniform map this is the mask's share of "
        "the area.",
    ),
    "auc": (
        "Area under the ROC curve",
        "The probability that the map is higher at a pixel inside the mask than at one outside; 0.5 by chance.",
    ),
    "outside_skin": (
        "Outside the skin",
        "The share of the map's positive part that lies outside the skin; photos without detected skin are left out.",
    ),
    "faithfulness": (
        "Insertion minus deletion",
        "How much more of the score the map's highest pixels bring back than remains without them; 0 for a random "
        "order. Scores are expected grades, as shares of the highest grade.",
    ),
    "insertion": (
        "Insertion",
        "The area under the curve of the score as a blurred photo becomes sharp, the map's highest pixels first; "
        "higher is better.",
    ),
    "deletion": (
        "Deletion",
        "The area under the curve of the score as the photo is blurred, the map's highest pixels first; lower is "
        "better.",
    ),
    "readouts_anew": (
        "Randomised heads",
        f"The rank correlation with the maps of {DRAWS} networks whose heads have random weights; near 0 if maps show "
        "what the heads have learned, 1 if they depend on the photo alone.",
    ),
    "readouts_anew_absolute": ("Randomised heads, absolute", "The mean absolute value of the same correlations."),
    "network_anew": ("Randomised networks", f"The same, with {DRAWS} networks whose weights are all random."),
    "network_anew_absolute": ("Randomised networks, absolute", "The mean absolute value of the same correlations."),
}


class Cell(NamedTuple):
    """A number as text, with the lines below it."""

    text: str
    below: tuple[str, ...] = ()  # lines
    few: bool = False  # from too few photos or subjects to say much
    clear: bool = False  # a difference whose interval excludes 0


class Panel(NamedTuple):
    """A table with its title and a note; a row is a title and its cells."""

    title: str
    note: str
    heading: list[str]
    rows: list[tuple[str, list[Cell]]]


class Measured(NamedTuple):
    """One of the models whose maps are evaluated, all on the same photos and with the same heads.

    Attributes:
        name: the model's name.
        evaluation: the evaluation of its maps.
    """

    name: str
    evaluation: MapEvaluation

    @property
    def lines(self) -> Lines:
        means = self.evaluation.means.to_dict("records")
        return {(line["measure"], line["head"], line["method"]): line for line in means}


def panels_of(models: Sequence[Measured]) -> Iterator[Panel]:
    """Every table that has content, the main result first; with several models, each has its own rows."""
    measured = {measure for model in models for measure in model.evaluation.means["measure"]}
    known = [measure for measure in MEASURES if measure in measured]
    told = [measure for measure in known if measure in RANKED]
    if told:
        yield _leads(models, told)
    for measure in known:
        yield _of_measure(models, measure)
    for model in models:
        yield _similarity(model.evaluation, _titled("How similar the heads' maps are", model, models))
    for model in models:
        for key, of_groups in model.evaluation.groups.groupby(["column", "measure"], sort=False):
            column, measure = map(str, key)
            title = _titled(f"{MEASURES[measure][0]} by {column}", model, models)
            yield _of_groups(model.evaluation.schema, of_groups, column, title)


def _titled(title: str, model: Measured, models: Sequence[Measured]) -> str:
    """The title with the model's name, if there are several models."""
    return title if len(models) == 1 else f"{title}: {model.name}"


def _by_head(models: Sequence[Measured]) -> Iterator[tuple[str, str, Lines]]:
    """For each row of a table by head: its title, the head's name, and the model's rows."""
    lines = [model.lines for model in models]
    for head in models[0].evaluation.schema:
        for model, of_model in zip(models, lines, strict=True):
            yield _titled(head.title(), model, models), head.name, of_model


def _leads(models: Sequence[Measured], measures: Sequence[str]) -> Panel:
    """How much the models' maps score above maps that know nothing of the photo."""
    pairs = [(measure, method) for measure in measures for method in UNINFORMED]
    rows = [
        (title, [_lead(lines.get((measure, head, method))) for measure, method in pairs])
        for title, head, lines in _by_head(models)
    ]
    return Panel(
        "Better than a map that knows nothing?",
        "How much higher this model's maps score than the centre blob and the random map on the same photos. Bold "
        "numbers are clearly higher: their intervals lie above 0.",
        ["attribute", *(f"{MEASURES[measure][0]}, minus {METHODS[method]}" for measure, method in pairs)],
        rows,
    )


def _lead(line: Line | None) -> Cell:
    if line is None:
        return Cell(ABSENT)
    return Cell(signed(line["lead"]), (span(line["lead_low"], line["lead_high"]),), clear=line["lead_low"] > 0)


def _of_measure(models: Sequence[Measured], measure: str) -> Panel:
    """Every method's mean for every head, and the number of photos."""
    title, note = MEASURES[measure]
    by_head = list(_by_head(models))
    methods = [method for method in METHODS if any((measure, head, method) in lines for _, head, lines in by_head)]
    rows = []
    for row, head, lines in by_head:
        of_head = [lines.get((measure, head, method)) for method in methods]
        photos = max((line["photos"] for line in of_head if line), default=0)
        rows.append((row, [*map(_mean, of_head), Cell(str(photos))]))
    return Panel(title, note, ["attribute", *(METHODS[method] for method in methods), "photos"], rows)


def _mean(line: Line | None) -> Cell:
    if line is None:
        return Cell(ABSENT)
    return Cell(number(line["value"]), (span(line["low"], line["high"]),), is_small_sample(line))


def is_small_sample(line: Line) -> bool:
    """Whether a row's numbers come from too few photos or subjects to say much."""
    return bool(line["photos"] < ENOUGH or line["subjects"] < MIN_SUBJECTS_PER_GRADE)


def _similarity(evaluation: MapEvaluation, title: str) -> Panel:
    titles = [head.title() for head in evaluation.schema]
    rows = [
        (head, [Cell(number(value)) for value in values])
        for head, values in zip(titles, evaluation.similarity, strict=True)
    ]
    note = (
        f"The mean rank correlation between two heads' maps of a photo, over all {evaluation.photos} photos, graded "
        "for these heads or not; near 1 would mean that both heads look at the same places."
    )
    return Panel(title, note, ["attribute", *titles], rows)


def _of_groups(schema: Schema, of_groups: pd.DataFrame, column: str, title: str) -> Panel:
    """The scores of the model's own maps by the values of one column."""
    lines = {(line["group"], line["head"]): line for line in of_groups.to_dict("records")}
    values, left_out = group_values(pd.Series(np.repeat(of_groups["group"], of_groups["photos"])))
    rows = [(value, [_with_photos(lines.get((value, head.name))) for head in schema]) for value in values]
    more = f" The {left_out} groups with the fewest photos are only in explanation_groups.csv." if left_out else ""
    note = f"This model's maps. {SMALL}{more}"
    return Panel(title, note, [column, *(head.title() for head in schema)], rows)


def _with_photos(line: Line | None) -> Cell:
    cell = _mean(line)
    return cell if line is None else cell._replace(below=(*cell.below, f"n {line['photos']}"))
