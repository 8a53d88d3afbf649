"""The results of a study: every variant compared with the baseline, and what each costs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from multiskin.compare.answers import Pair, read_pair
from multiskin.compare.comparison import complete_seeds
from multiskin.compare.cost import image_passes, load_network, parameters, training_seconds
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
        study: the study, reduced to the variants that have results.
        schema: the attributes.
        runs: the names of all planned runs, by variant and seed.
        seeds: those for which every run is finished; with only one, the findings are exploratory.
        side: the split that is measured: test, or val while settings are still being chosen.
        costs: of each variant, its parameters and the image passes and seconds of training, means over seeds.
        results: by variant, attribute and metric, from statistics.compare; the baseline is compared with itself.
        by_grade: the mean P-Recall credit by variant, ordinal attribute and true grade, and how many photos have it.
        missing: why planned runs are missing, by title.
        flattered: whether a model was calibrated on the photos that it is measured on.
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


def summarise_study(study: Study, runs: Runs, planned: Sequence[PlannedRun], missing: dict[str, str]) -> Findings:
    """The results of the finished runs of a study.

    Variants without a finished run are left out, since they may never get one; then seeds with a missing run are.

    Raises:
        UserError: no seed has all of its runs.
    """
    comparable = runs.comparable(planned, study.baseline)
    models = {run.model for run in comparable}
    study = replace(study, rows={row: options for row, options in study.rows.items() if row in models})
    schema, seeds = planned[0].schema, complete_seeds(runs, comparable, missing)
    whole = [run for run in comparable if run.config.seed in seeds]
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
    """Each variant's predictions paired with the baseline's, one pair per attribute; the baseline's with themselves."""
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
    """The costs of a variant, means over seeds; NaN if the file it is read from is damaged, with the reason in lost."""

    def mean_or_nan(count: Callable[[RunFolder], float], runs: Sequence[RunFolder]) -> float:
        try:
            return float(np.mean([count(run) for run in runs]))
        except UserError as error:
            lost[row] = str(error)
            return np.nan

    return {
        "row": row,
        "parameters": mean_or_nan(lambda run: parameters(load_network(run, "cpu")), runs[:1]),
        "image_passes": mean_or_nan(image_passes, runs),
        "seconds": mean_or_nan(training_seconds, runs),
    }


def _credits(row: str, pairs: Sequence[Pair]) -> Iterator[tuple[str, str, int, int, float]]:
    """The mean P-Recall credit of the photos of each true grade, over photos and seeds."""
    for pair in pairs:
        if not pair.attribute.ordinal:
            continue
        credit = credit_matrix(pair.attribute.grades).numpy()[pair.true, pair.candidate.predicted]  # (S, N)
        for grade in range(pair.attribute.grades):
            photos = pair.true == grade
            mean = credit[:, photos].mean() if photos.any() else np.nan
            yield row, pair.attribute.name, grade, int(photos.sum()), float(mean)
