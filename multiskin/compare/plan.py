"""What has to be trained: for every seed the shared model, and one model an attribute on the same photos and split."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from multiskin.compare.contents import own_digests, package_versions, photo_digests, short_digest
from multiskin.config import FitConfig, head_recipes
from multiskin.data.manifest import Manifest
from multiskin.data.photos import Photos
from multiskin.data.sampling import Mixture
from multiskin.data.table import read_table
from multiskin.data.validation import read_grades, second_headings
from multiskin.errors import UserError
from multiskin.schema import MISSING, Attribute, Schema
from multiskin.training.checkpoints import deciding_settings
from multiskin.training.checks import monitor_mode
from multiskin.training.trainer import accelerator, precision

Protocol = Literal["equal-epochs", "equal-compute"]
SHARED = "shared"
UNSAFE = r"[^\w.+-]+"  # in the names of files
LONGEST = 100  # bytes of a model's name in the names of files, which have 255 at most
SPLIT = "split"  # the column of a table whose split was made for it


@dataclass(frozen=True, eq=False)
class PlannedRun:
    """One training run: all that decides on its weights, and how they are calibrated.

    Attributes:
        model: what is trained, the same for every seed.
        config: its settings; its table and the place of its files are given when it runs.
        schema: the attributes it learns.
        table: the photos that it learns from and is measured on, with their split; cells as text.
        grades: (N, H) of the training photos, -1 where missing.
        image_passes: photos that training takes through the network if it is not stopped early.
        contents: a digest of each photo's bytes, by its path in the table.
    """

    model: str
    config: FitConfig
    schema: Schema
    table: pd.DataFrame
    grades: np.ndarray
    image_passes: int
    contents: Mapping[str, str]

    @property
    def title(self) -> str:
        return f"{self.model}, seed {self.config.seed}"

    @cached_property
    def name(self) -> str:
        """Of its folder: two runs with other settings, photos or grades never have the same."""
        return f"{self.stem}-{self.config.seed}-{self.digest}"

    @property
    def stem(self) -> str:
        """The model's name as file names can have it, as much of it as leaves them room for more."""
        return re.sub(UNSAFE, "_", self.model).encode()[:LONGEST].decode(errors="ignore")

    @property
    def work(self) -> int:
        """What training is taken to cost beside others: pixels through the network, for input sizes may differ."""
        return self.image_passes * self.config.model.input_size**2

    @property
    def effective_draws(self) -> dict[str, float]:
        """How many equally weighted draws an epoch is worth to each attribute, by its name."""
        draws = self.image_passes / self.config.trainer.max_epochs
        mixture = Mixture.of(self.grades, self.schema, head_recipes(self.config, self.schema.names))
        return dict(zip(self.schema.names, draws * mixture.effective, strict=True))

    @property
    def digest(self) -> str:
        """Of all that decides on what is measured."""
        methods = [recipe.calibration for recipe in head_recipes(self.config, self.schema.names)]
        return f"{self.training}-{short_digest(json.dumps(methods).encode())}" if any(methods) else self.training

    @cached_property
    def training(self) -> str:
        """A digest of all that decides on its weights, which a calibration after the training does not."""
        trained = [replace(recipe, calibration=None) for recipe in head_recipes(self.config, self.schema.names)]
        recipes = [_switched_on(asdict(recipe)) for recipe in trained]
        rest = asdict(self.config) | {"recipe": {}, "heads": {}}  # what every head overrides is of no account
        content = {
            "versions": package_versions(),
            "device": (accelerator(self.config.trainer), precision(self.config.trainer)),
            "settings": _switched_on(dict(deciding_settings(rest))),
            "heads": [
                (each.name, each.kind, each.grades, each.grade_names, each.column, recipe)
                for each, recipe in zip(self.schema, recipes, strict=True)
            ],
            "table": self.table.to_csv(index=False),
            "photos": [self.contents[path] for path in self.table[self.config.data.columns.image]],
            "weights": "",
        } | own_digests(self.config)
        return short_digest(json.dumps(content, ensure_ascii=False).encode())


class Experiment:
    """What the models of a comparison have in common: settings, photos, grades and split.

    Args:
        config: the shared model's settings.
        photos: checked, with their split.
    """

    def __init__(self, config: FitConfig, photos: Photos) -> None:
        self.config = config
        self.manifest = photos.manifest
        self.cells = read_table(Path(config.data.root) / config.data.manifest).cells.loc[photos.manifest.rows]
        if config.data.columns.split is None:
            self.cells = self.cells.assign(**{SPLIT: photos.split})
        self.cells = _regraded(self.cells, self.manifest)
        self.grades = photos.side("train").grades  # (N, H)
        self.graded = self.grades != MISSING
        self.contents = photo_digests(photos.manifest.root, self.cells[config.data.columns.image])

    @property
    def draws(self) -> int:
        """Photos that the shared model draws an epoch."""
        return self.config.data.draws_per_epoch or int(self.graded.any(axis=1).sum())

    def shared(self, model: str = SHARED) -> PlannedRun:
        """One model for all attributes."""
        return self._run(model, self.config, self.manifest.schema, np.full(len(self.manifest), True), self.draws)

    def single(self, attribute: Attribute, protocol: Protocol) -> PlannedRun:
        """A model for one attribute with that head's recipe, on the photos that are graded for it."""
        head = self.manifest.schema.index(attribute.name)
        alone = {"loss_weight": 1.0, "share": 1.0}  # there is no other head to share with
        monitor = _monitor_of(attribute, self.config.trainer.monitor)
        config = replace(
            self.config,
            weighting=None,
            heads={attribute.name: self.config.heads.get(attribute.name, {}) | alone},
            trainer=replace(self.config.trainer, monitor=monitor),
        )
        graded = self.manifest.grades[:, head] != MISSING
        draws = self._single_draws(head, protocol)
        return self._run(single_name(attribute), config, Schema((attribute,)), graded, draws)

    def _single_draws(self, head: int, protocol: Protocol) -> int:
        by_head = self.graded.sum(axis=0)
        whole = self.graded.any(axis=1).sum() if protocol == "equal-epochs" else by_head.sum()
        return max(round(self.draws * by_head[head] / whole), 1)

    def _run(self, model: str, config: FitConfig, schema: Schema, rows: np.ndarray, draws: int) -> PlannedRun:
        table = self.cells.loc[rows, self._headings(schema)]
        second = config.data.columns.second_rater
        columns = replace(
            config.data.columns,
            split=config.data.columns.split or SPLIT,
            ignore=[],
            second_rater=second if any(name in table for name in second_headings(schema, second)) else None,
        )
        data = replace(config.data, columns=columns, render=None, faces=None, draws_per_epoch=draws)
        data = replace(data, exclude=None, relabel=None)  # the table has what they leave
        config = replace(config, data=data, ckpt_path=None)
        grades = self.grades[:, [self.manifest.schema.index(name) for name in schema.names]]
        return PlannedRun(model, config, schema, table, grades, draws * config.trainer.max_epochs, self.contents)

    def _headings(self, schema: Schema) -> list[str]:
        """The columns that bear on these attributes."""
        columns = self.config.data.columns
        place = [columns.image, *(columns.box or ())]
        known = [*place, columns.subject, columns.part, *columns.groups, columns.split or SPLIT]
        second = [name for name in second_headings(schema, columns.second_rater) if name in self.cells]
        grades = [attribute.heading for attribute in schema]
        return list(dict.fromkeys([*filter(None, known), *grades, *second]))


def _regraded(cells: pd.DataFrame, manifest: Manifest) -> pd.DataFrame:
    """The table with the grades that data.exclude and data.relabel leave; a grade that stays is spelt as it was."""
    own, columns = read_grades(cells, manifest.schema)[0], {}
    for attribute, had, grades in zip(manifest.schema, own.T, manifest.grades.T, strict=True):
        words = np.array([*map(attribute.grade_label, range(attribute.grades)), ""], dtype=object)  # -1 is the last
        columns[attribute.heading] = cells[attribute.heading].where(grades == had, words[grades])
    return cells.assign(**columns)


def _switched_on(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without those that ask for nothing, so that a later option leaves names as they are while it is off."""
    return {
        option: value for option, value in settings.items() if value not in (None, {}, [], "") and value is not False
    }


def plan_comparison(
    config: FitConfig, photos: Photos, seeds: Sequence[int], protocol: Protocol = "equal-epochs"
) -> list[PlannedRun]:
    """The shared model and a model for each attribute, seed by seed.

    With equal epochs a single model is trained for as many as the shared one, of its own photos; with equal compute all
    single models together take as many photos through a network as the shared one, and none is stopped early.

    Raises:
        UserError: no seed, a seed given twice, or fewer than two attributes.
    """
    check_seeds(seeds)
    schema = photos.manifest.schema
    if len(schema) < 2:
        raise UserError(f"schema: {schema.names[0]} is the only attribute; a comparison takes at least two")
    if protocol == "equal-compute":
        config = _to_the_end(config)
    experiment = Experiment(config, photos)
    models = [experiment.shared(), *(experiment.single(attribute, protocol) for attribute in schema)]
    return with_seeds(models, seeds)


def _to_the_end(config: FitConfig) -> FitConfig:
    """With nothing stopped early; a patience that no run is long enough for stays, and so do the runs of that name."""
    patience, epochs = config.trainer.patience, config.trainer.max_epochs
    if patience is None or patience >= epochs:
        return config
    return replace(config, trainer=replace(config.trainer, patience=None))


def require_measurable(photos: Photos, sides: Sequence[str]) -> None:
    """Every attribute is graded where its models are measured, for one without a grade would leave them unmeasured.

    Raises:
        UserError: one is not.
    """
    for side in sides:
        for attribute, counts in zip(photos.manifest.schema, photos.side(side).grade_counts(), strict=True):
            if not counts.any():
                remedy = "change the split, or take the attribute out of the schema"
                raise UserError(
                    f"no {side} photo is graded for {attribute.name}, so its models cannot be compared; {remedy}"
                )


def without_interval(photos: Photos, side: str) -> str:
    """Which attributes only one subject's photos will be measured for, to be known before the training; "" if none."""
    manifest = photos.side(side)
    units, graded = manifest.units, zip(manifest.schema, manifest.grades.T, strict=True)
    alone = [attribute.name for attribute, grades in graded if len(np.unique(units[grades != MISSING])) == 1]
    if not alone:
        return ""
    return (
        f"notice: {', '.join(alone)}: all {side} photos with a grade are of one subject, and tell nothing of others: "
        "the difference will have no interval; a split with more subjects gives one"
    )


def with_seeds(models: Sequence[PlannedRun], seeds: Sequence[int]) -> list[PlannedRun]:
    """Every model with every seed, seed by seed, so that what is stopped has whole seeds."""
    return [replace(model, config=replace(model.config, seed=seed)) for seed in seeds for model in models]


def names_of(planned: Sequence[PlannedRun]) -> dict[str, dict[str, str]]:
    """The name of each run, by its model and its seed as text."""
    names: dict[str, dict[str, str]] = {}
    for run in planned:
        names.setdefault(run.model, {})[str(run.config.seed)] = run.name
    return names


def single_name(attribute: Attribute) -> str:
    """What the model for one attribute is called."""
    return f"single-{attribute.name}"


def check_seeds(seeds: Sequence[int], where: str = "--seeds") -> None:
    """Refuses what would count a run twice.

    Args:
        seeds: of the runs.
        where: they are given.

    Raises:
        UserError: no seed, or one given twice.
    """
    if not seeds:
        raise UserError(f"{where}: none given; name at least one, and three or more for an interval over seeds")
    for seed in seeds:
        if seeds.count(seed) > 1:
            raise UserError(f"{where}: {seed} stands twice; the same run again says nothing new")


def _monitor_of(attribute: Attribute, monitor: str) -> str:
    """What decides on the best checkpoint of a model for one attribute: the shared model's number, of that attribute.

    Where there is no such number, as ordered attributes' of others, it is the loss.
    """
    own = f"val/{attribute.name}/{monitor.split('/')[-1]}"
    try:
        monitor_mode(own, Schema((attribute,)))
    except UserError:
        return "val/loss"
    return own
