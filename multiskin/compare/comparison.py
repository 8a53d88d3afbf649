"""The content of a comparison: the runs it is based on, their results, and what both sides cost."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import yaml

from multiskin.compare.answers import Pair, read_pair
from multiskin.compare.contents import package_versions
from multiskin.compare.cost import Cost, available_devices, measure_cost
from multiskin.compare.plan import SHARED, PlannedRun, Protocol, names_of, single_name
from multiskin.compare.runs import Runs
from multiskin.compare.statistics import compare
from multiskin.errors import UserError
from multiskin.run import RunFolder
from multiskin.schema import Attribute, Schema


@dataclass(frozen=True)
class Comparison:
    """The shared model (candidate) compared with the single-attribute models (baseline).

    Attributes:
        schema: the attributes that are compared.
        runs: the names of all planned runs, by model and seed.
        seeds: those for which all compared runs are finished.
        protocol: how long the single models were trained.
        side: the split they are compared on: test, or val while settings are still being chosen.
        photos: the number of photos of that split.
        config: the shared model's settings.
        results: of every attribute and metric, from statistics.compare.
        by_seed: seed, attribute, metric, candidate, baseline: the values that the results are means of.
        cost: a row for each quantity, from cost.measure_cost; empty until measured.
        draws: attribute, single, shared: the effective number of draws per epoch on both sides.
        constant: the scores of the best constant prediction, by attribute and metric.
        second_rater: the scores of a second rater, likewise; empty if there is none.
        missing: why planned runs are missing, by title.
        versions: of Python here, and of the packages that all runs were planned with (they are part of run names).
        single_epochs: the most that a single model was trained for; those of the shared one are in its settings.
        flattered: whether a model was calibrated on the photos that it is measured on.
        left_out: titles of the shared model's other attributes, whose single models have no finished run.
        no_cost: why the cost could not be measured; "" if it was measured or not tried yet.
    """

    schema: Schema
    runs: dict[str, dict[str, str]]
    seeds: list[int]
    protocol: Protocol
    side: str
    photos: int
    config: dict[str, Any]
    results: pd.DataFrame
    by_seed: pd.DataFrame
    cost: pd.DataFrame
    draws: pd.DataFrame
    constant: dict[str, dict[str, float]]
    second_rater: dict[str, dict[str, float]]
    missing: dict[str, str]
    versions: dict[str, str]
    single_epochs: int
    flattered: bool = False
    left_out: Sequence[str] = ()
    no_cost: str = ""

    @property
    def equal_epochs(self) -> bool:
        """Whether single models were trained for as many epochs as the shared one."""
        return self.single_epochs == self.config["trainer"]["max_epochs"]

    @property
    def may_stop_early(self) -> bool:
        """Whether trainer.patience can end the training of a model before its last epoch."""
        trainer = self.config["trainer"]
        longest = max(trainer["max_epochs"], self.single_epochs)
        return self.protocol == "equal-epochs" and trainer["patience"] is not None and trainer["patience"] < longest - 1

    @property
    def distilled(self) -> bool:
        """Whether the shared model also learned from the single models."""
        return bool(self.config.get("distillation"))


def summarise(runs: Runs, planned: Sequence[PlannedRun], protocol: Protocol, missing: dict[str, str]) -> Comparison:
    """The results of the finished runs of a comparison, without their cost.

    Attributes without a finished single model are left out, since they may never get one; then seeds with a missing
    run are.

    Raises:
        UserError: no seed has all of its runs.
    """
    comparable = runs.comparable(planned, SHARED)
    models, seeds = {run.model for run in comparable}, complete_seeds(runs, comparable, missing)
    schema = Schema(tuple(each for each in planned[0].schema if single_name(each) in models))
    shared, singles = _sides(schema, seeds, runs, planned)
    measured = _measured(shared[0], runs.side)
    results = compare([_pair(attribute, shared, singles[attribute.name], runs.side) for attribute in schema])
    return Comparison(
        schema=schema,
        runs=names_of(planned),
        seeds=seeds,
        protocol=protocol,
        side=runs.side,
        photos=measured["photos"],
        config=yaml.safe_load(shared[0].config.read_text(encoding="utf-8")),
        results=results,
        by_seed=_by_seed(results, schema, seeds, shared, singles, runs.side),
        cost=pd.DataFrame(columns=Cost._fields),
        draws=_draws(schema, planned),
        constant={name: _constant(head) for name, head in measured["heads"].items()},
        second_rater=measured.get("second_rater", {}),
        missing=missing,
        versions={"Python": platform.python_version()} | package_versions(),
        single_epochs=next(run.config.trainer.max_epochs for run in planned if run.model != SHARED),
        flattered=runs.flattered(comparable),
        left_out=[each.title() for each in planned[0].schema if each not in schema.attributes],
    )


def with_cost(comparison: Comparison, runs: Runs, planned: Sequence[PlannedRun]) -> Comparison:
    """The comparison with the cost of both sides, which this measures on the current machine."""
    shared, singles = _sides(comparison.schema, comparison.seeds, runs, planned)
    measured = measure_cost(shared, list(zip(*singles.values(), strict=True)), available_devices())
    return replace(comparison, cost=pd.DataFrame(measured))


def complete_seeds(runs: Runs, planned: Sequence[PlannedRun], missing: dict[str, str]) -> list[int]:
    """The seeds for which every planned run is finished, in their order.

    Raises:
        UserError: there is none.
    """
    unfinished = {run.config.seed for run in planned if not runs.finished(run)}
    seeds = [seed for seed in dict.fromkeys(run.config.seed for run in planned) if seed not in unfinished]
    if not seeds:
        reasons = "".join(f"\n  {title}: {reason}" for title, reason in missing.items())
        raise UserError(f"no seed has all of its runs, so there is nothing to compare; start again to retry:{reasons}")
    return seeds


def _sides(
    schema: Schema, seeds: Sequence[int], runs: Runs, planned: Sequence[PlannedRun]
) -> tuple[list[RunFolder], dict[str, list[RunFolder]]]:
    """The runs of the shared model, and those of the single models by attribute, one for each seed."""
    folders = {(run.model, run.config.seed): runs.folder(run) for run in planned}
    singles = {attribute.name: [folders[single_name(attribute), seed] for seed in seeds] for attribute in schema}
    return [folders[SHARED, seed] for seed in seeds], singles


def _pair(attribute: Attribute, candidate: Sequence[RunFolder], baseline: Sequence[RunFolder], side: str) -> Pair:
    return read_pair(attribute, *([run.predictions(side) for run in runs] for runs in (candidate, baseline)))


def _draws(schema: Schema, planned: Sequence[PlannedRun]) -> pd.DataFrame:
    """The effective draws per epoch for each attribute; they do not depend on the seed, so the first one is used."""
    first = [run for run in planned if run.config.seed == planned[0].config.seed]
    of_model = {run.model: run.effective_draws for run in first}
    sides = [(each.name, of_model[single_name(each)][each.name], of_model[SHARED][each.name]) for each in schema]
    return pd.DataFrame(sides, columns=["attribute", "single", "shared"])


def _measured(run: RunFolder, side: str) -> dict[str, Any]:
    return dict(run.results()[side])


def _constant(head: dict[str, float]) -> dict[str, float]:
    """The scores of the best constant prediction, of the metrics that record them."""
    suffix = "_constant"
    return {key.removesuffix(suffix): value for key, value in head.items() if key.endswith(suffix)}


def _by_seed(
    results: pd.DataFrame,
    schema: Schema,
    seeds: Sequence[int],
    shared: Sequence[RunFolder],
    singles: dict[str, list[RunFolder]],
    side: str,
) -> pd.DataFrame:
    """The value of every metric of every attribute for each seed, as recorded by the runs."""
    rows = []
    for position, seed in enumerate(seeds):
        one = _measured(shared[position], side)["heads"]
        for attribute in schema:
            alone = _measured(singles[attribute.name][position], side)["heads"][attribute.name]
            metrics = results.loc[results["attribute"] == attribute.name, "metric"]
            rows += [(seed, attribute.name, metric, one[attribute.name][metric], alone[metric]) for metric in metrics]
    return pd.DataFrame(rows, columns=["seed", "attribute", "metric", "candidate", "baseline"])
