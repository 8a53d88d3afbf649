"""What the runs of a study say: every variant against the baseline, and what each costs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from multiskin.compare.answers import Pair, read_pair
from multiskin.compare.comparison import require_whole_seeds
from multiskin.compare.cost import image_passes, network_of, parameters, training_seconds
from multiskin.compare.plan import PlannedRun, names_of
from multiskin.compare.runs import Runs
from multiskin.compare.statistics import against_itself, compare
from multiskin.compare.study import Study
from multiskin.errors import UserError
from multiskin.metrics.functional import credit_matrix
from multiskin.run import RunFolder
from multiskin.schema import Schema

CREDITS = ["row", "attribute", "grade", "photos", "credit"]


@dataclass(frozen=True)
class Findings:
    """The results of a study.

    Attributes:
        study: what was asked, of the variants that there is something to tell of.
        schema: the attributes.
        runs: the names of all that were planned, by variant and seed.
        seeds: those of which every run is finished; of a single one the findings are exploratory.
        side: of the split that is measured: test, or val while settings are still being chosen.
        costs: of each variant its parameters, and the image passes and seconds of training, means over seeds.
        results: of each variant, attribute and metric, from statistics.compare; the baseline stands against itself.
        by_grade: the mean P-Recall credit by variant, ordinal attribute and true grade, and how many photos have it.
        missing: why planned runs are not there, by title.
        flattered: whether a model was calibrated to the photos that it is measured on.
        lost: why a cost of a variant is NaN, by variant.
    """

    study: Study
    schema: Schema
    runs: dict[str, dict[str, str]]
    seeds: list[int]
    side: str
    costs: pd.DataFrame
    results: pd.DataFrame
    by_grade: pd.DataFrame
    missing: dict[str, str]
    flattered: bool = False
    lost: dict[str, str] = field(default_factory=dict)


def find(study: Study, runs: Runs, planned: Sequence[PlannedRun], missing: dict[str, str]) -> Findings:
    """What the finished runs of a study say.

    A variant without a finished run is left out, for it may never have one; then seeds of which a run is missing are.

    Raises:
        UserError: no seed is whole, or no variant is left beside the baseline.
    """
    begun = runs.begun(planned, study.baseline)
    models = {run.model for run in begun}
    study = replace(study, rows={row: options for row, options in study.rows.items() if row in models})
    schema, seeds = planned[0].schema, require_whole_seeds(runs, begun, missing)
    whole = [run for run in begun if run.config.seed in seeds]
    folders = {row: [runs.folder(run) for run in whole if run.model == row] for row in study.rows}
    pairs = _pairs(study, folders, schema, runs.side)
    lost: dict[str, str] = {}
    return Findings(
        study,
        schema,
        names_of(planned),
        seeds,
        runs.side,
        costs=pd.DataFrame([_cost(row, folders[row], lost) for row in study.rows]),
        results=_results(study, pairs),
        by_grade=pd.DataFrame([line for row in study.rows for line in _credits(row, pairs[row])], columns=CREDITS),
        missing=missing,
        flattered=runs.flattered(whole),
        lost=lost,
    )


def _pairs(
    study: Study, folders: Mapping[str, Sequence[RunFolder]], schema: Schema, side: str
) -> dict[str, list[Pair]]:
    """Each variant's answers beside the baseline's, by attribute; the baseline's own beside themselves."""
    tables = {row: [run.predictions(side) for run in runs] for row, runs in folders.items()}
    others = [row for row in study.rows if row != study.baseline]
    pairs = {row: [read_pair(each, tables[row], tables[study.baseline]) for each in schema] for row in others}
    itself = [replace(pair, candidate=pair.baseline) for pair in pairs[others[0]]]
    return {row: pairs.get(row, itself) for row in study.rows}


def _results(study: Study, pairs: Mapping[str, Sequence[Pair]]) -> pd.DataFrame:
    compared = {row: compare(pairs[row]) for row in study.rows if row != study.baseline}
    itself = against_itself(next(iter(compared.values())))
    return pd.concat([compared.get(row, itself).assign(row=row) for row in study.rows], ignore_index=True)


def _cost(row: str, runs: Sequence[RunFolder], lost: dict[str, str]) -> dict[str, Any]:
    """Means over seeds; NaN for what a file of a run no longer tells, with the reason in lost."""

    def known(count: Callable[[RunFolder], float], runs: Sequence[RunFolder]) -> float:
        try:
            return float(np.mean([count(run) for run in runs]))
        except UserError as error:
            lost[row] = str(error)
            return np.nan

    return {
        "row": row,
        "parameters": known(lambda run: parameters(network_of(run, "cpu")), runs[:1]),
        "image_passes": known(image_passes, runs),
        "seconds": known(training_seconds, runs),
    }


def _credits(row: str, pairs: Sequence[Pair]) -> Iterator[tuple[str, str, int, int, float]]:
    """What the photos of each true grade are worth, as P-Recall counts them; a mean over seeds."""
    for pair in pairs:
        if not pair.attribute.ordinal:
            continue
        credit = credit_matrix(pair.attribute.grades).numpy()[pair.true, pair.candidate.predicted]  # (S, N)
        for grade in range(pair.attribute.grades):
            photos = pair.true == grade
            mean = credit[:, photos].mean() if photos.any() else np.nan
            yield row, pair.attribute.name, grade, int(photos.sum()), float(mean)
